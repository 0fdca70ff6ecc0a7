"""A budget for reasoning: it ends in time, and only there."""

from __future__ import annotations

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from pytest_vlm.engine.generation.thinking import ThinkingBudget

WORDS = ["[UNK]", "<", "think", "/", ">", "a", "b", "yes"]


@pytest.fixture
def tokenizer() -> PreTrainedTokenizerFast:
    """A tokenizer that spells the tags with several tokens."""
    made = Tokenizer(models.WordLevel({word: i for i, word in enumerate(WORDS)}, unk_token="[UNK]"))
    made.pre_tokenizer = pre_tokenizers.Punctuation()
    return PreTrainedTokenizerFast(tokenizer_object=made)


def spelled(*words: str) -> list[int]:
    return [WORDS.index(word) for word in words]


OPEN, CLOSE = spelled("<", "think", ">"), spelled("<", "/", "think", ">")


def answer(tokenizer, budget: int, prompt: list[int], *wanted: list[int]) -> list[list[int]]:
    """What the rows become that want to say these tokens, step by step."""
    processor = ThinkingBudget(tokenizer, budget, len(prompt))
    rows = torch.tensor([prompt] * len(wanted))
    for wants in zip(*wanted, strict=True):
        scores = torch.full((len(rows), len(WORDS)), -1.0)
        scores[range(len(rows)), wants] = 1.0
        rows = torch.cat([rows, processor(rows, scores).argmax(1, keepdim=True)], dim=1)
    return rows[:, len(prompt) :].tolist()


A, B = spelled("a", "b")


def test_thinking_that_goes_on_is_closed_after_its_budget(tokenizer):
    (said,) = answer(tokenizer, 4, [A, A, A], [*OPEN, *[A] * 10, B])
    assert said == [*OPEN, *[A] * 4, *CLOSE, A, A, B]


def test_thinking_that_the_prompt_opened_counts_from_there(tokenizer):
    assert answer(tokenizer, 2, [A, *OPEN], [A] * 8) == [[A, A, *CLOSE, A, A]]
    assert answer(tokenizer, 2, [*OPEN, A], [A] * 8) == [[A, A, *CLOSE, A, A]]


def test_thinking_that_ends_by_itself_is_left_alone(tokenizer):
    wanted = [*OPEN, A, *CLOSE, *[B] * 9]
    assert answer(tokenizer, 4, [A, A, A], wanted) == [wanted]


def test_an_answer_without_thinking_is_left_alone(tokenizer):
    assert answer(tokenizer, 2, [A, A, A], [B] * 9) == [[B] * 9]


def test_rows_are_judged_one_by_one(tokenizer):
    thinks, late, never = [*OPEN, *[A] * 9], [B, B, *OPEN, *[A] * 7], [B] * 12
    assert answer(tokenizer, 3, [A, A, A], thinks, late, never) == [
        [*OPEN, A, A, A, *CLOSE, A, A],
        [B, B, *OPEN, A, A, A, *CLOSE],
        never,
    ]


def test_a_tag_that_is_half_spelled_is_finished(tokenizer):
    half = CLOSE[:2]
    (said,) = answer(tokenizer, 3, [A, A, A], [*OPEN, A, *half, *[A] * 4])
    assert said == [*OPEN, A, *half, *CLOSE[2:], A, A]


def test_thinking_that_the_prompt_ended_has_not_begun(tokenizer):
    assert answer(tokenizer, 2, [*OPEN, *CLOSE], [B] * 6) == [[B] * 6]


def test_a_tokenizer_without_the_tags_is_left_alone():
    made = Tokenizer(models.WordLevel({"[UNK]": 0, "a": 1}, unk_token="[UNK]"))
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=made, unk_token="[UNK]")
    said = [0, 1, 1, 1, 1, 1]
    assert answer(tokenizer, 1, [1, 1], said) == [said]
