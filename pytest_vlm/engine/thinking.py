"""Reasoning that ends when its budget is spent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from transformers import LogitsProcessor

OPEN, CLOSE = "<think>", "</think>"
LINE_BREAKS = 2  # tokens that a template may put behind the tag that it opens


class ThinkingBudget(LogitsProcessor):
    """Spells ``</think>`` into every row that has thought for so many tokens and goes on.

    Args:
        tokenizer: of the checkpoint.
        budget: tokens behind ``<think>``, whether the prompt or the answer opens it.
        prompt: length of the padded prompt in tokens.
    """

    def __init__(self, tokenizer: Any, budget: int, prompt: int) -> None:
        self._open = list(tokenizer.encode(OPEN, add_special_tokens=False))
        self._close = list(tokenizer.encode(CLOSE, add_special_tokens=False))
        self._budget = budget
        self._prompt = prompt

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """(rows, vocabulary) logits; of a row that must end, all but one are -inf."""
        for row, tokens in enumerate(input_ids.tolist()):
            forced = self._forced(tokens)
            if forced is not None:
                scores[row] = -torch.inf
                scores[row, forced] = 0.0
        return scores

    def _forced(self, tokens: list[int]) -> int | None:
        begun = self._begun(tokens)
        if begun is None or _find(tokens, self._close, begun) is not None:
            return None
        if len(tokens) - begun < self._budget:
            return None
        spelled = next(
            width
            for width in range(len(self._close) - 1, -1, -1)
            if tokens[max(begun, len(tokens) - width) :] == self._close[:width]
        )
        return int(self._close[spelled])

    def _begun(self, tokens: list[int]) -> int | None:
        """Where the thinking begins: behind the prompt that opened it, or in the answer."""
        opened = _find(tokens, self._open, self._prompt)
        if opened is not None:
            return opened + len(self._open)
        behind = self._prompt - len(self._open) - LINE_BREAKS
        in_prompt = _find(tokens[: self._prompt], self._open, behind) is not None
        return self._prompt if in_prompt else None


def _find(tokens: Sequence[int], wanted: Sequence[int], start: int) -> int | None:
    width = len(wanted)
    for place in range(max(start, 0), len(tokens) - width + 1):
        if list(tokens[place : place + width]) == list(wanted):
            return place
    return None
