"""What cannot be paired is not compared."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pytest_vlm.comparison.pairs import Pairs
from pytest_vlm.evaluation.evaluation import Evaluation
from pytest_vlm.evaluation.predictions import Completion, Prediction
from pytest_vlm.evaluation.samples import Message, Sample, Text
from pytest_vlm.scores import ScoreValue, cer, exact_match


def side(*answers: str, values: tuple[float, ...] = (1.0, 0.0)) -> Evaluation:
    predictions = tuple(
        Prediction(
            sample_id=str(n),
            completions=(Completion.parse(answer, finish_reason="stop", tokens=1),),
            batch_plan="plan",
        )
        for n, answer in enumerate(answers)
    )
    return Evaluation(
        predictions=predictions, values=tuple(ScoreValue(value=value) for value in values)
    )


@pytest.fixture
def pairs() -> Pairs:
    samples = tuple(
        Sample(id=str(n), messages=(Message(role="user", parts=(Text(text="?"),)),), targets=(t,))
        for n, t in enumerate(("x", "y"))
    )
    return Pairs(
        score=exact_match,
        names=("A", "B"),
        samples=samples,
        baseline=side("x", "z"),
        candidate=side("x", "y", values=(1.0, 1.0)),
    )


def test_answers_of_different_batches_are_not_compared(pairs):
    assert pairs.problem() == ""
    elsewhere = replace(pairs.candidate.predictions[1], batch_plan="another")
    predictions = (pairs.candidate.predictions[0], elsewhere)
    torn = replace(pairs, candidate=replace(pairs.candidate, predictions=predictions))
    assert "1 of 2 samples, such as 1, were answered by the two in different batches" in (
        torn.problem()
    )


def test_flips_know_their_direction(pairs):
    [flip] = pairs.flips()
    assert (flip.sample.id, flip.lost) == ("1", False)
    assert (flip.baseline_value, flip.candidate_value) == (0.0, 1.0)
    [flip] = replace(pairs, score=cer).flips()
    assert flip.lost


def test_several_completions_of_a_binary_score_are_bounded(pairs):
    assert pairs.kind == "binary"
    twice = tuple(replace(p, completions=p.completions * 2) for p in pairs.baseline.predictions)
    assert replace(pairs, baseline=replace(pairs.baseline, predictions=twice)).kind == "bounded"


def test_a_baseline_that_says_one_thing_to_everything_proves_nothing(pairs):
    assert "answers 'x' to everything" in replace(pairs, baseline=side("x", "x")).problem()


def test_refusals_are_counted_and_marked_where_they_differ(pairs):
    """Which may be what was asked for, so they never make a baseline useless."""
    no = "I'm sorry, but I can't help with that."
    samples = tuple(replace(pairs.samples[0], id=str(n)) for n in range(20))
    before = side(*["x"] * 18, no, "y", values=(1.0,) * 20)
    after = side(*[no] * 8, *["x"] * 11, "y", values=(1.0,) * 20)
    more = replace(pairs, samples=samples, baseline=before, candidate=after)
    assert more.unusable() == {"A": {"refused": 1}, "B": {"refused": 8}}
    assert more.marks(0.05) == ["refusals differ: 1 for A, 8 for B"]
    assert replace(more, candidate=before).marks(0.05) == []
    assert replace(more, baseline=after).problem() == ""
