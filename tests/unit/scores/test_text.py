"""Scores that read words."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_vlm.evaluation.samples import Message, Sample, Text
from pytest_vlm.scores import contains, exact_match
from pytest_vlm.scores.text import normalize, tokens

ANSWERS = st.text(st.characters(exclude_characters="<"), max_size=30).filter(str.strip)


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
        ("七。", ["七"], 1),
        ("ｓｅｖｅｎ ７", ["seven 7"], 1),
        ("cafe\u0301", ["caf\u00e9"], 1),
        ("İSTANBUL", ["istanbul"], 1),
        ("Iğdır", ["iğdır"], 1),
        ("ﬁve", ["five"], 1),
        ("8", ["7", "8"], 1),
        ("<think>eight?</think> seven", ["seven"], 1),
        ("dış", ["dis"], 0),
        ("sevenfold", ["seven"], 0),
        ("seven!", ["seven"], 0),
        ("7.5", ["75"], 0),
        ("seven", ["eight"], 0),
        ("", ["seven"], 0),
        ("", [""], 0),
        ("toplef t", ["top left"], 0),
        ("seven..", ["seven"], 0),
    ],
)
def test_exact_match(judge, answer, targets, value):
    assert judge(exact_match, answer, targets=tuple(targets)).value == value


@pytest.mark.parametrize(
    ("answer", "targets", "value"),
    [
        ("It is a seven.", ["seven"], 1),
        ("It is A  SEVEN", ["a seven"], 1),
        ("seven it is", ["eight", "seven"], 1),
        ("seven", ["seven"], 1),
        ("seven, I think", ["seven"], 1),
        ('The sign says "seven"', ["seven"], 1),
        ("unseven, seven", ["seven"], 1),
        ("这是东京的照片", ["东京"], 1),
        ("यह हिन्दी है", ["हिन्दी"], 1),
        ("+5 °C", ["+5"], 1),
        ("यह हिन्दी है", ["हिन्द"], 0),
        ("ที่นี่", ["นี่"], 1),
        ("ที่นี่", ["ท"], 0),
        ("It is seventeen.", ["seven"], 0),
        ("unseven it is", ["seven"], 0),
        ("seven top left", ["seven left"], 0),
        ("seven", [""], 0),
        ("", ["seven"], 0),
    ],
)
def test_contains_whole_words(judge, answer, targets, value):
    assert judge(contains, answer, targets=tuple(targets)).value == value


@given(ANSWERS)
def test_an_answer_always_matches_itself_composed_or_not(judge, text):
    for form in ("NFC", "NFD"):
        assert judge(exact_match, text, targets=(unicodedata.normalize(form, text),)).value == 1


@given(ANSWERS, ANSWERS)
def test_matching_is_symmetric(judge, one, other):
    there, back = (
        judge(exact_match, *pair[:1], targets=pair[1:]).value
        for pair in ((one, other), (other, one))
    )
    assert there == back


@given(st.text(alphabet="aB .\u00a0\n", max_size=12))
def test_normalised_text_has_single_spaces_and_no_capitals(text):
    words = normalize(text)
    assert words == " ".join(words.split()).casefold()


def test_tokens_are_words_and_characters_of_scripts_without_spaces():
    assert tokens("The cat's 2 dogs_") == ["the", "cat", "s", "2", "dogs"]
    assert tokens("我有 iPhone15") == ["我", "有", "iphone15"]
    assert tokens("हिन्दी, بيت") == ["हिन्दी", "بيت"]


@pytest.mark.parametrize("score", [exact_match, contains])
def test_applies_to_samples_with_targets_only(score):
    message = Message(role="user", parts=(Text(text="?"),))
    assert score.applies_to(Sample(id="1", messages=(message,), targets=("7",)))
    assert not score.applies_to(Sample(id="1", messages=(message,)))
