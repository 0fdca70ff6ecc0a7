"""Multiple choice."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_vlm.scores import ScoreValue, choice

ANIMALS = ("cat", "black cat", "dog", "Vitamin C")


@pytest.mark.parametrize(
    ("answer", "target", "value"),
    [
        ("C", "dog", 1),
        ("dog", "C", 1),
        ("(c)", "c", 1),
        ("C. dog", "dog", 1),
        ("The answer is C.", "dog", 1),
        ("It is a dog.", "dog", 1),
        ("It is the black cat.", "B", 1),
        ("It is the black cat.", "A", 0),
        ("It is Vitamin C.", "D", 1),
        ("Vitamin C", "D", 1),
        ("Vitamin C", "dog", 0),
        ("A", "dog", 0),
    ],
)
def test_letter_or_text_on_either_side(judge, answer, target, value):
    assert judge(choice, answer, targets=(target,), choices=ANIMALS) == ScoreValue(value=value)


@pytest.mark.parametrize("answer", ["dog or cat", "A horse", "E", "I see nothing"])
def test_no_option_or_several_are_unparsable(judge, answer):
    value = judge(choice, answer, targets=("dog",), choices=ANIMALS)
    assert value == ScoreValue(value=0, unparsable=1)


def test_options_that_are_letters_count_as_texts(judge):
    swapped = {"choices": ("B", "A"), "targets": ("A",)}
    assert judge(choice, "A", **swapped).value == 1
    assert judge(choice, "B", **swapped).value == 0


def test_without_options_letters_are_compared(judge):
    assert judge(choice, "(B) a dog", targets=("B",)).value == 1
    assert judge(choice, "(A) a cat", targets=("B",)).value == 0
    assert judge(choice, "a cat", targets=("B",)).unparsable == 1


@given(
    st.lists(st.text("abcdx ", min_size=2).map(str.strip).filter(len), min_size=1, unique=True),
    st.data(),
)
def test_every_option_is_right_by_its_text_and_by_its_letter(judge, options, data):
    at = data.draw(st.integers(0, min(len(options), 26) - 1))
    target, letter = options[at], chr(ord("A") + at)
    if letter.casefold() not in options:
        assert judge(choice, letter, targets=(target,), choices=tuple(options)).value == 1
    if " ".join(target.split()) == target:
        assert judge(choice, target, targets=(target,), choices=tuple(options)).value == 1
