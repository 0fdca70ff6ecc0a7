"""A budget for reasoning: it ends in time, and only there."""

from __future__ import annotations

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from pytest_vlm.engine.thinking import ThinkingBudget

WORDS = ["[UNK]", "<", "think", "/", ">", "a", "b", "yes"]
PROMPT = 3


@pytest.fixture
def tokenizer() -> PreTrainedTokenizerFast:
    """A tokenizer that spells the tags with several tokens."""
    made = Tokenizer(models.WordLevel({word: i for i, word in enumerate(WORDS)}, unk_token="[UNK]"))
    made.pre_tokenizer = pre_tokenizers.Punctuation()
    return PreTrainedTokenizerFast(tokenizer_object=made)


def spelled(*words: str) -> list[int]:
    return [WORDS.index(word) for word in words]


OPEN, CLOSE = spelled("<", "think", ">"), spelled("<", "/", "think", ">")


def answer(tokenizer, budget: int, prompt: list[int], wanted: list[int]) -> list[int]:
    """What a row becomes that wants to say these tokens, step by step."""
    processor = ThinkingBudget(tokenizer, budget, len(prompt))
    tokens = list(prompt)
    for want in wanted:
        scores = torch.full((1, len(WORDS)), -1.0)
        scores[0, want] = 1.0
        tokens.append(int(processor(torch.tensor([tokens]), scores).argmax()))
    return tokens[len(prompt) :]


A, B = spelled("a", "b")


def test_thinking_that_goes_on_is_closed_after_its_budget(tokenizer):
    said = answer(tokenizer, 4, spelled("a", "a", "a"), [*OPEN, *[A] * 10, B])
    assert said == [*OPEN, *[A] * 4, *CLOSE, A, A, B]


def test_thinking_that_the_prompt_opened_counts_from_there(tokenizer):
    assert answer(tokenizer, 2, [A, *OPEN], [A] * 8) == [A, A, *CLOSE, A, A]
    assert answer(tokenizer, 2, [*OPEN, A], [A] * 8) == [A, A, *CLOSE, A, A]


def test_thinking_that_ends_by_itself_is_left_alone(tokenizer):
    wanted = [*OPEN, A, *CLOSE, *[B] * 9]
    assert answer(tokenizer, 4, [A, A, A], wanted) == wanted


def test_an_answer_without_thinking_is_left_alone(tokenizer):
    assert answer(tokenizer, 2, [A, A, A], [B] * 9) == [B] * 9


def test_rows_are_judged_one_by_one(tokenizer):
    processor = ThinkingBudget(tokenizer, 1, PROMPT)
    tokens = torch.tensor([[A, A, A, *OPEN, A], [A, A, A, B, B, B, B]])
    scores = processor(tokens, torch.zeros(2, len(WORDS)))
    assert int(scores[0].argmax()) == CLOSE[0]
    assert scores[1].tolist() == [0.0] * len(WORDS)
