"""Entries become answers: one a question, several as its completions, nothing silently twice."""

from __future__ import annotations

import math

import pytest

from pytest_vlm.errors import LogError
from pytest_vlm.logs.entries import Entry, LoggedAnswers, numbers


def entry(id="1", repeat=0, **fields):
    given = {"question": "?", "targets": ("x",), "answers": ("x",)} | fields
    return Entry(where=f"line {id}.{repeat}", id=id, repeat=repeat, **given)


def test_repeats_are_completions_and_their_metrics_are_averaged():
    log = LoggedAnswers.of(
        "A", "t", [entry(recorded={"acc": 1.0}), entry(repeat=1, recorded={"acc": 0.0})]
    )
    assert [len(p.completions) for p in log.predictions] == [2]
    assert [c.seed for c in log.predictions[0].completions] == [0, 1]
    assert log.recorded == {"acc": (0.5,)}


def test_a_metric_that_one_repeat_lacks_is_missing():
    log = LoggedAnswers.of("A", "t", [entry(recorded={"acc": 1.0}), entry(repeat=1)])
    assert log.recorded == {"acc": (None,)}


def test_the_same_entry_twice_is_no_second_answer():
    with pytest.raises(LogError, match=r"line 1\.0: the id '1' stands there again, first in"):
        LoggedAnswers.of("A", "t", [entry(), entry(id="2"), entry()])


def test_another_question_with_the_same_id():
    with pytest.raises(LogError, match="another question with the id '1'"):
        LoggedAnswers.of("A", "t", [entry(), entry(repeat=1, question="!")])


def test_an_answer_that_never_came_is_an_error_not_an_empty_one():
    log = LoggedAnswers.of("A", "t", [entry(answers=())])
    assert log.predictions[0].unusable == "error"


def test_numbers_are_finite_and_named_within_objects():
    values = {
        "acc": True,
        "mme": {"score": 0.5, "question_id": 7, "note": "x"},
        "nan": math.nan,
        "huge": 10**400,
        "text": "1",
    }
    assert numbers(values) == {"acc": 1.0, "mme.score": 0.5}
