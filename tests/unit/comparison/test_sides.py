"""How much is asked before the next look at the evidence."""

from __future__ import annotations

import pytest

from pytest_vlm.comparison.sides import Side, Sides
from pytest_vlm.evaluation.evaluation import Evaluation
from pytest_vlm.evaluation.predictions import Completion, Prediction
from pytest_vlm.evaluation.samples import Message, Sample, Text
from pytest_vlm.scores import exact_match
from pytest_vlm.scores.score import ScoreValue

SAMPLES = [
    Sample(id=f"s{i}", messages=(Message(role="user", parts=(Text(text=str(i)),)),))
    for i in range(20)
]


class Room:
    """Two checkpoints in a memory that holds some of them."""

    def __init__(self, fits: int, known: str = "") -> None:
        self.fits, self.known = fits, known
        self.loaded: list[str] = []
        self.loads = 0
        self.asked: list[tuple[str, int]] = []

    def side(self, name: str) -> Side:
        def evaluate(samples):
            if name not in self.loaded and name != self.known:
                self.loads += 1
                self.loaded = [*self.loaded, name][-self.fits :]
            self.asked.append((name, len(samples)))
            return Evaluation(
                predictions=tuple(
                    Prediction(
                        sample_id=s.id,
                        completions=(Completion.parse("x", finish_reason="stop", tokens=1),),
                    )
                    for s in samples
                ),
                values=tuple(ScoreValue(value=1.0) for _ in samples),
            )

        return Side(name=name, evaluate=evaluate)

    def sides(self) -> Sides:
        return Sides(
            baseline=self.side("A"),
            candidate=self.side("B"),
            maps=lambda chosen: ([], []),
            looks=lambda samples: (samples[i : i + 2] for i in range(0, len(samples), 2)),
            loads=lambda: self.loads,
        )


@pytest.mark.parametrize(
    ("room", "asked", "loads"),
    [
        (Room(fits=1), [2, 2, 4, 8, 4], 6),
        (Room(fits=2), [2, 2, *[2] * 8], 2),
        (Room(fits=1, known="A"), [2, 2, *[2] * 8], 1),
    ],
)
def test_asks_as_much_again_where_asking_costs_a_load(room, asked, loads):
    followed = list(room.sides().follow(SAMPLES, exact_match))
    assert [count for name, count in room.asked if name == "A"] == asked
    assert room.loads == loads
    assert [s.id for s in followed[-1].pairs.samples] == [s.id for s in SAMPLES]
    assert [end for one in followed for end in one.ends] == list(range(2, 21, 2))


def test_begins_with_the_side_that_is_loaded():
    room = Room(fits=1)
    list(room.sides().follow(SAMPLES[:8], exact_match))
    assert [name for name, _ in room.asked] == ["A", "B", "B", "A", "A", "B"]


def test_shows_what_was_known_at_the_end_of_each_look():
    followed = list(Room(fits=1).sides().follow(SAMPLES, exact_match))
    seen = [[len(pairs.samples) for pairs in one.looks()] for one in followed]
    assert seen == [[2], [4], [6, 8], [10, 12, 14, 16], [18, 20]]
    *_, whole = followed[-1].looks()
    assert whole == followed[-1].pairs


class Ladder:
    """Sides step down when so many samples are asked of them; every step is a way to ask."""

    def __init__(self, *fall: tuple[str, int]) -> None:
        self.fall, self.rung = list(fall), 0
        self.asked: list[tuple[str, int, int]] = []

    def degraded(self) -> str:
        return f"answered on rung {self.rung} after A" if self.rung else ""

    def side(self, name: str) -> Side:
        def evaluate(samples):
            if self.fall and self.fall[0] == (name, len(self.asked)):
                self.fall.pop(0)
                self.rung += 1
            self.asked.append((name, len(samples), self.rung))
            completion = Completion.parse("x", finish_reason="stop", tokens=1)
            return Evaluation(
                predictions=tuple(
                    Prediction(sample_id=s.id, completions=(completion,), batch_plan=str(self.rung))
                    for s in samples
                ),
                values=tuple(ScoreValue(value=1.0) for _ in samples),
            )

        return Side(name=name, evaluate=evaluate)

    def sides(self) -> Sides:
        return Sides(
            baseline=self.side("A"),
            candidate=self.side("B"),
            maps=lambda chosen: ([], []),
            looks=lambda samples: (samples[i : i + 2] for i in range(0, len(samples), 2)),
            degraded=self.degraded,
        )


@pytest.mark.parametrize(
    ("falls", "rungs"),
    [
        ([], {"A": [0], "B": [0]}),
        ([("B", 1)], {"A": [0, 1], "B": [1, 1]}),
        ([("A", 0)], {"A": [1, 1], "B": [1, 1]}),
        ([("B", 1), ("A", 2), ("B", 5)], {"A": [0, 2, 2, 3], "B": [1, 2, 3, 3]}),
    ],
)
def test_both_sides_answer_on_the_rung_on_which_both_fit(falls, rungs):
    ladder = Ladder(*falls)
    pairs = ladder.sides().answer(SAMPLES[:4], exact_match)
    for name, expected in rungs.items():
        assert [rung for who, _, rung in ladder.asked if who == name] == expected
    assert pairs.problem() == ""
    assert pairs.degraded == (ladder.degraded(),) * 4
    assert pairs.degradation() == ladder.degraded()


def test_looks_that_were_judged_are_not_asked_again_in_smaller_batches():
    ladder = Ladder(("B", 5))
    *_, last = ladder.sides().follow(SAMPLES[:8], exact_match)
    assert len(ladder.asked) == 2 * 4 + 2
    assert last.pairs.problem() == ""
    assert last.pairs.degraded == ("", "", "", "", *["answered on rung 1 after A"] * 4)
    assert last.pairs.degradation() == "4 of 8 pairs answered on rung 1 after A"
    *_, look = last.looks()
    assert look.degraded == last.pairs.degraded
    assert last.pairs.first(4).degradation() == ""
