"""Making a score of a function, and judging completions with it."""

from __future__ import annotations

from statistics import variance

import numpy as np
import pytest

from pytest_vlm.errors import SettingsError
from pytest_vlm.evaluation.samples import Message, Region, Sample, Text
from pytest_vlm.scores import (
    Score,
    ScoreValue,
    Unparsable,
    exact_match,
    last_number,
    pattern,
    score,
)

MESSAGE = Message(role="user", parts=(Text(text="?"),))


@score(name="length", version=3, kind="positive", better="lower", bounds=(0, 9), needs=())
def length(case):
    return float(len(case.answer)) if case.answer != "none" else None


def returning(value, **settings):
    return score(name="mine", needs=(), **settings)(lambda case: value)


def raising(error):
    def fail(case):
        raise error

    return score(name="mine", needs=())(fail)


def test_the_decorator_keeps_what_it_is_told():
    assert isinstance(length, Score)
    told = length.name, length.version, length.kind, length.better, length.bounds, length.needs
    assert told == ("length", 3, "positive", "lower", (0, 9), frozenset())


def test_binary_higher_and_targets_are_the_default():
    plain = score(name="plain")(lambda case: 1.0)
    told = plain.version, plain.kind, plain.better, plain.bounds, plain.needs
    assert told == (1, "binary", "higher", (0, 1), {"targets"})


def test_a_batch_is_judged_in_order_and_gaps_have_a_reason(make_case):
    assert length([make_case("abc"), make_case("none"), make_case("a")]) == [
        ScoreValue(value=3),
        ScoreValue(value=None, reason="length could not judge it"),
        ScoreValue(value=1),
    ]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"bounds": (1, 1)}, "mine: the bounds 1 and 1 hold no value"),
        ({"bounds": (0, float("nan"))}, "mine: the bounds 0 and nan hold no value"),
        ({"bounds": (0, 2)}, r"mine: a binary score is 0 or 1, so its bounds are \(0, 1\)"),
        ({"kind": "bounded", "bounds": (0, float("inf"))}, "needs two finite bounds"),
        ({"kind": "positive", "bounds": (-1, 1)}, "lower bound is at least 0"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(settings, message):
    with pytest.raises(SettingsError, match=message):
        returning(1, **settings)


class TestCompletions:
    def test_every_completion_is_judged_and_averaged(self, judge):
        value = judge(exact_match, "7", "8", "7", "7", targets=("7",))
        assert value.value == 0.75
        assert value.variance == pytest.approx(variance([1, 0, 1, 1]) / 4)

    def test_one_completion_has_no_variance(self, judge):
        assert judge(exact_match, "7", targets=("7",)) == ScoreValue(value=1)

    def test_what_the_judge_sees_is_that_completion_alone(self, judge):
        seen = []

        @score(name="seen", needs=())
        def looking(case):
            seen.append((case.answer, case.completion.answer, case.prediction.answer))
            return 1

        judge(looking, "a", "b")
        assert seen == [("a", "a", "a"), ("b", "b", "b")]

    def test_a_score_of_maps_judges_the_first_only(self, judge):
        first = score(name="first", needs=("relevance",))(lambda case: case.answer == "a")
        assert judge(first, "a", "b") == ScoreValue(value=1)
        assert judge(first, "b", "a") == ScoreValue(value=0)

    def test_one_missing_value_leaves_none(self, judge):
        value = judge(length, "abc", "none", "none")
        assert value == ScoreValue(
            value=None, reason="2 of 3 completions: length could not judge it"
        )


class TestUnusableAnswers:
    @pytest.mark.parametrize("answer", ["", "truncated:7", "truncated:"])
    def test_truncated_and_empty_ones_have_the_worst_value(self, judge, answer):
        assert judge(exact_match, answer, targets=("7",)) == ScoreValue(value=0)
        assert judge(length, answer) == ScoreValue(value=9)

    def test_an_answer_that_never_came_has_no_value(self, judge):
        assert judge(exact_match, "error:", targets=("7",)).reason == "no answer"
        assert judge(exact_match, "7", "error:", targets=("7",)).value is None

    def test_without_a_worst_value_there_is_none(self, judge):
        endless = returning(1, kind="positive", better="lower", bounds=(0, float("inf")))
        assert judge(endless, "truncated:7") == ScoreValue(
            value=None, reason="the answer is truncated, and mine has no worst value"
        )

    def test_a_score_that_reads_beginnings_reads_truncated_answers_but_not_empty_ones(self, judge):
        reading = returning(1, reads_truncated=True)
        assert judge(reading, "truncated:7").value == 1
        assert judge(reading, "truncated:").value == 0
        assert judge(reading, "").value == 0


class TestExtraction:
    def test_the_final_answer_alone_is_judged(self, judge):
        number = exact_match.extracting(last_number)
        assert judge(number, "It is 3, no, 7!", targets=("7",)).value == 1
        assert judge(exact_match, "It is 3, no, 7!", targets=("7",)).value == 0
        assert number.name == "exact match (last number)"

    def test_steps_follow_each_other(self, judge):
        steps = exact_match.extracting(pattern("Answer: (.*)"), last_number)
        assert judge(steps, "Answer: all 7\n8", targets=("7",)).value == 1

    def test_failures_have_the_worst_value_and_are_counted(self, judge):
        number = exact_match.extracting(last_number)
        value = judge(number, "seven", "7", "eight", "", targets=("7",))
        assert (value.value, value.unparsable) == (0.25, 2)

    def test_a_judge_may_say_that_there_is_nothing_to_judge(self, judge):
        assert judge(raising(Unparsable()), "a") == ScoreValue(value=0, unparsable=1)


class TestValuesThatAreNone:
    @pytest.mark.parametrize(
        ("value", "told"),
        [
            (float("nan"), "mine returned nan, which is no finite number"),
            (float("inf"), "mine returned inf, which is no finite number"),
            (0.5, "mine returned 0.5, but a binary score is 0 or 1"),
            (2, "mine returned 2, which is outside its bounds 0 to 1"),
            (-1e-9, "mine returned -1e-09, which is outside its bounds 0 to 1"),
            ("1", "mine returned str, which is no number"),
            (1j, "mine returned complex, which is no number"),
            (np.ones(2), "mine raised ValueError: can only convert an array of size 1"),
            (10**400, "mine raised OverflowError: int too large to convert to float"),
        ],
    )
    def test_are_missing_values_with_the_reason(self, judge, value, told):
        found = judge(returning(value), "a")
        assert found.value is None
        assert told in found.reason

    @pytest.mark.parametrize("value", [True, np.True_, np.float32(1), np.int64(1), np.array(1), 1])
    def test_scalars_of_any_kind_are_values(self, judge, value):
        assert judge(returning(value), "a") == ScoreValue(value=1.0)

    @pytest.mark.parametrize("error", [KeyError("x"), RecursionError("deep"), SystemExit(3)])
    def test_what_the_judge_raises_is_told_and_ends_nothing(self, make_case, error):
        found = raising(error)([make_case("a"), make_case("b")])
        reason = f"mine raised {type(error).__name__}: {error}"
        assert found == [ScoreValue(value=None, reason=reason)] * 2

    @pytest.mark.parametrize("error", [KeyboardInterrupt, SettingsError])
    def test_the_user_and_the_settings_end_it(self, judge, error):
        with pytest.raises(error):
            judge(raising(error("stop")), "a")


def test_a_missing_library_is_named_before_anything_is_judged(judge):
    needy = score(name="needy", needs=(), libraries=("no-such-library",))(lambda case: 1)
    message = r"needy needs no-such-library; run: pip install 'pytest-vlm\[scores\]'"
    with pytest.raises(SettingsError, match=message):
        judge(needy, "a")


def test_applies_where_the_sample_carries_all_that_is_needed():
    both = score(name="both", needs=("targets", "regions"))(lambda case: 1.0)
    targets, regions = {"targets": ("7",)}, {"regions": (Region(box=(0, 0, 1, 1)),)}
    assert both.applies_to(Sample(id="1", messages=(MESSAGE,), **targets, **regions))
    assert not both.applies_to(Sample(id="1", messages=(MESSAGE,), **targets))
    assert not both.applies_to(Sample(id="1", messages=(MESSAGE,), **regions))
    assert length.applies_to(Sample(id="1", messages=(MESSAGE,)))
