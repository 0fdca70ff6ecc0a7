"""Scores that read words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_vlm.evaluation.predictions import Completion, Prediction
from pytest_vlm.evaluation.samples import Message, Sample, Text
from pytest_vlm.scores import Case, contains, exact_match
from pytest_vlm.scores.text import normalize


def judge(score, answer: str, *targets: str) -> float | None:
    message = Message(role="user", parts=(Text(text="?"),))
    completion = Completion.parse(answer, finish_reason="stop", tokens=1)
    case = Case(
        sample=Sample(id="1", messages=(message,), targets=targets),
        prediction=Prediction(sample_id="1", completions=(completion,)),
    )
    (value,) = score([case])
    return value.value


@pytest.mark.parametrize(
    ("answer", "targets", "value"),
    [
        ("seven", ["seven"], 1),
        ("Seven", ["sEVEN"], 1),
        ("STRASSE", ["straße"], 1),
        ("  top \n left ", ["top left"], 1),
        ("top\u00a0left", ["top left"], 1),
        ("seven.", ["seven"], 1),
        ("seven", ["seven."], 1),
        ("seven .", ["seven"], 1),
        ("ｓｅｖｅｎ ７", ["seven 7"], 1),
        ("cafe\u0301", ["caf\u00e9"], 1),
        ("ﬁve", ["five"], 1),
        ("8", ["7", "8"], 1),
        ("<think>eight?</think> seven", ["seven"], 1),
        ("sevenfold", ["seven"], 0),
        ("seven!", ["seven"], 0),
        ("7.5", ["75"], 0),
        ("seven", ["eight"], 0),
        ("", ["seven"], 0),
        ("toplef t", ["top left"], 0),
        ("seven..", ["seven"], 0),
    ],
)
def test_exact_match(answer, targets, value):
    assert judge(exact_match, answer, *targets) == value


@pytest.mark.parametrize(
    ("answer", "targets", "value"),
    [
        ("It is a seven.", ["seven"], 1),
        ("It is A  SEVEN", ["a seven"], 1),
        ("seven it is", ["eight", "seven"], 1),
        ("seven", ["seven"], 1),
        ("seven, I think", ["seven"], 1),
        ('The sign says "seven"', ["seven"], 1),
        ("It is seventeen.", ["seven"], 0),
        ("unseven it is", ["seven"], 0),
        ("seven top left", ["seven left"], 0),
        ("", ["seven"], 0),
    ],
)
def test_contains_whole_words(answer, targets, value):
    assert judge(contains, answer, *targets) == value


@given(st.text(st.characters(exclude_characters="<"), max_size=30))
def test_an_answer_always_matches_itself(text):
    assert judge(exact_match, text, text) == 1


@given(st.text(alphabet="aB .\u00a0\n", max_size=12))
def test_normalised_text_has_single_spaces_and_no_capitals(text):
    words = normalize(text)
    assert words == " ".join(words.split()).casefold()


@pytest.mark.parametrize("score", [exact_match, contains])
def test_applies_to_samples_with_targets_only(score):
    message = Message(role="user", parts=(Text(text="?"),))
    assert score.applies_to(Sample(id="1", messages=(message,), targets=("7",)))
    assert not score.applies_to(Sample(id="1", messages=(message,)))
