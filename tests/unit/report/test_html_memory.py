"""What was in memory, step by step, as a picture."""

from __future__ import annotations

import re

from pytest_vlm.report.html_memory import memory_figure
from pytest_vlm.report.html_tables import memory_part
from pytest_vlm.report.model import MemoryRecord

GIB = 2**30


def step(seconds, what, size, peak):
    return {"seconds": seconds, "what": what, "bytes": size, "peak": peak}


def record(**fields):
    given = {
        "test": "t.py::test_fits[B]",
        "checkpoint": "B",
        "device": "cuda:0",
        "bytes": 8 * GIB,
        "limit": 6 * GIB,
        "within": False,
        "moments": [
            step(1.0, "loading B, answering", 5 * GIB, 6 * GIB),
            step(2.5, "closing B, a long story of which the end is not drawn", -GIB, 8 * GIB),
        ],
    }
    return MemoryRecord(**{**given, **fields})


def numbers(picture, pattern):
    return [float(found) for found in re.findall(pattern, picture)]


def test_bars_peaks_and_the_limit_share_one_axis():
    picture = memory_figure(record())
    used = numbers(picture, r'class="bytes"[^>]* width="([\d.]+)"')
    peaks = numbers(picture, r'class="peak"[^>]* width="([\d.]+)"')
    (limit,) = numbers(picture, r'class="limit" x1="([\d.]+)"')
    (left,) = set(numbers(picture, r'<rect[^>]* x="([\d.]+)"'))
    whole = peaks[1]
    assert used == [round(whole * 5 / 8, 1)]  # less than at the start is no bar
    assert peaks[0] == round(whole * 6 / 8, 1)
    assert limit == left + peaks[0]
    assert "limit 6.0 GiB" in picture


def test_a_peak_is_drawn_and_said_where_a_step_raised_it():
    steps = [step(1, "a", 1, 3 * GIB), step(2, "b", 1, 3 * GIB), step(3, "c", 1, 8 * GIB)]
    picture = memory_figure(record(moments=steps))
    assert re.findall(r'<text class="peak"[^>]*>([^<]+)', picture) == ["3.0 GiB", "8.0 GiB"]


def test_long_steps_are_cut_and_whole_in_the_title():
    picture = memory_figure(record())
    assert "closing B, a long story o…" in picture
    assert "<title>closing B, a long story of which the end is not drawn</title>" in picture


def test_words_that_a_user_wrote_cannot_become_markup():
    evil = "<script>alert(1)</script>"
    picture = memory_figure(
        record(test=evil, checkpoint=evil, parts={evil: 1}, kept={evil: evil}, figures={evil: 1})
    )
    assert "<script" not in picture
    picture = memory_figure(record(moments=[step(0, evil, 1, 1)], limit=None))
    assert "<script" not in picture
    assert 'class="limit"' not in picture


def test_parts_and_holders_are_said_also_without_steps():
    text = memory_figure(record(moments=(), parts={"weights (B)": 5 * GIB, "other (x)": GIB}))
    assert "8.0 GiB: 5.0 GiB weights (B), 1.0 GiB other (x)" in text
    assert "<svg" not in text
    text = memory_figure(record(moments=(), bytes=None, kept={"B": ""}))
    assert "not measured: B, held by unknown" in text


def test_only_what_did_not_hold_is_drawn():
    assert memory_part([]) == ""
    assert "<figure" not in memory_part([record(within=True)])
    assert memory_part([record(), record(within=True)]).count("<figure") == 1
