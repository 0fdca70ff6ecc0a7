"""Making a score of a function."""

from __future__ import annotations

from pytest_vlm.evaluation.predictions import Completion, Prediction
from pytest_vlm.evaluation.samples import Message, Region, Sample, Text
from pytest_vlm.scores import Case, Score, ScoreValue, score

MESSAGE = Message(role="user", parts=(Text(text="?"),))


def answered(text: str) -> Case:
    completion = Completion.parse(text, finish_reason="stop", tokens=1)
    return Case(
        sample=Sample(id=text, messages=(MESSAGE,)),
        prediction=Prediction(sample_id=text, completions=(completion,)),
    )


@score(name="length", version=3, kind="positive", better="lower", bounds=(0, 9), needs=())
def length(case):
    return float(len(case.prediction.answer)) or None


def test_the_decorator_keeps_what_it_is_told():
    assert isinstance(length, Score)
    told = length.name, length.version, length.kind, length.better, length.bounds, length.needs
    assert told == ("length", 3, "positive", "lower", (0, 9), frozenset())


def test_binary_higher_and_targets_are_the_default():
    plain = score(name="plain")(lambda case: 1.0)
    told = plain.version, plain.kind, plain.better, plain.bounds, plain.needs
    assert told == (1, "binary", "higher", (0, 1), {"targets"})


def test_a_batch_is_judged_in_order_and_gaps_have_a_reason():
    assert length([answered("abc"), answered(""), answered("a")]) == [
        ScoreValue(value=3),
        ScoreValue(value=None, reason="length could not judge it"),
        ScoreValue(value=1),
    ]


def test_zero_is_a_value():
    assert score(name="never")(lambda case: 0.0)([answered("a")]) == [ScoreValue(value=0)]


def test_applies_where_the_sample_carries_all_that_is_needed():
    both = score(name="both", needs=("targets", "regions", "relevance"))(lambda case: 1.0)
    targets, regions = {"targets": ("7",)}, {"regions": (Region(box=(0, 0, 1, 1)),)}
    assert both.applies_to(Sample(id="1", messages=(MESSAGE,), **targets, **regions))
    assert not both.applies_to(Sample(id="1", messages=(MESSAGE,), **targets))
    assert not both.applies_to(Sample(id="1", messages=(MESSAGE,), **regions))
    assert length.applies_to(Sample(id="1", messages=(MESSAGE,)))
