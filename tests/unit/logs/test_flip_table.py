"""The flips on a terminal: aligned, cut, losses first, wins not forgotten."""

from __future__ import annotations

import unicodedata

from pytest_vlm.logs.flip_table import flip_table


def flip(id="1", lost=True, query="What?", answer="no"):
    return {
        "id": id,
        "lost": lost,
        "query": query,
        "targets": ["x", "y"],
        "baseline_answer": "x",
        "candidate_answer": answer,
    }


def table(flips, columns=100):
    return list(flip_table(flips, ("A", "B"), columns))


def width(line):
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in line)


def test_losses_first_and_how_many_more():
    losses = [flip(str(i)) for i in range(30)]
    wins = [flip(str(i), lost=False) for i in range(30, 50)]
    lines = table(losses + wins)
    assert [line.split()[0] for line in lines[1:11]] == ["lost"] * 5 + ["won"] * 5
    assert lines[-1].strip() == "... 40 more in the report"
    assert len(table(losses)) == 12


def test_few_losses_leave_room_for_wins():
    lines = table([flip()] + [flip(str(i), lost=False) for i in range(20)])
    assert [line.split()[0] for line in lines[1:11]] == ["lost"] + ["won"] * 9


def test_long_and_wide_text_is_cut_and_stays_aligned():
    lines = table([flip(query="图片里有什么" * 20), flip(query="long words " * 20), flip()], 100)
    assert all(width(line) <= 100 for line in lines)
    assert len({width(line[: line.index("x | y")]) for line in lines[1:]}) == 1
    assert "…" in lines[1] and "…" in lines[2]


def test_an_empty_answer_is_said():
    assert table([flip(answer="")])[1].endswith("(nothing)")
