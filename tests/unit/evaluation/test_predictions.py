"""Answers: reasoning split off, and unusable ones told apart."""

from __future__ import annotations

import pytest

from pytest_vlm.evaluation.predictions import Completion, Prediction


@pytest.mark.parametrize(
    ("raw", "reasoning", "answer"),
    [
        (" seven \n", "", "seven"),
        ("<think>\nIt bends.\n</think>\n\nseven", "It bends.", "seven"),
        ("Well, <think>hm</think> seven", "hm", "Well,  seven"),
        ("<think></think>seven", "", "seven"),
        ("<think>It bends, so it is", "It bends, so it is", ""),
        ("<think>only thoughts</think>", "only thoughts", ""),
        ("It bends.</think>seven", "It bends.", "seven"),
        ("", "", ""),
    ],
    ids=[
        "none",
        "before",
        "inside",
        "empty",
        "unclosed",
        "nothing after",
        "opened by the prompt",
        "nothing",
    ],
)
def test_reasoning_is_split_from_the_answer(raw, reasoning, answer):
    completion = Completion.parse(raw, finish_reason="stop", tokens=3)
    assert (completion.reasoning, completion.answer) == (reasoning, answer)
    assert (completion.raw, completion.tokens) == (raw, 3)


@pytest.mark.parametrize(
    ("raw", "reasoning", "answer"),
    [
        ("It bends, so it is", "It bends, so it is", ""),
        ("It bends.</think>seven", "It bends.", "seven"),
        ("<think>It bends.</think>seven", "It bends.", "seven"),
        ("", "", ""),
    ],
    ids=["unclosed", "closed", "opened again", "nothing"],
)
def test_reasoning_that_the_prompt_opened_is_none_of_the_answer(raw, reasoning, answer):
    completion = Completion.parse(raw, finish_reason="length", tokens=3, thinking=True)
    assert (completion.reasoning, completion.answer) == (reasoning, answer)
    assert completion.unusable == "truncated"
    again = Completion.parse(completion.raw, finish_reason="length", tokens=3)
    assert again == completion


@pytest.mark.parametrize(
    ("raw", "finish", "unusable"),
    [
        ("seven", "stop", None),
        ("seven", "length", "truncated"),
        ("", "length", "truncated"),
        ("  ", "stop", "empty"),
        ("<think>and then", "stop", "empty"),
        ("", "error", "error"),
        ("seven", "error", "error"),
    ],
)
def test_unusable_answers_are_told_apart(raw, finish, unusable):
    completion = Completion.parse(raw, finish_reason=finish, tokens=1)
    assert completion.unusable == unusable
    assert Prediction(sample_id="1", completions=(completion,)).unusable == unusable


def test_a_prediction_answers_with_its_first_completion():
    first, second = (Completion.parse(t, finish_reason="stop", tokens=1) for t in "ab")
    assert Prediction(sample_id="1", completions=(first, second)).answer == "a"
