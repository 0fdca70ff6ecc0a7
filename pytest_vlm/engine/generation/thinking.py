"""Reasoning that ends when its budget is spent."""

from __future__ import annotations

from typing import Any

import torch
from transformers import LogitsProcessor

OPEN, CLOSE = "<think>", "</think>"
LINE_BREAKS = 2  # tokens that a template may put behind the tag that it opens


class ThinkingBudget(LogitsProcessor):
    """Spells ``</think>`` into every row that has thought for so many tokens and goes on.

    It remembers where each row stands and looks at the last few tokens only, so that a step costs
    the same however long the reasoning is. A tokenizer that does not know the tags is left alone.

    Args:
        tokenizer: of the checkpoint.
        budget: tokens behind ``<think>``, whether the prompt or the answer opens it.
        prompt: length of the padded prompt in tokens.
    """

    def __init__(self, tokenizer: Any, budget: int, prompt: int) -> None:
        self._open = tokenizer.encode(OPEN, add_special_tokens=False)
        self._close = tokenizer.encode(CLOSE, add_special_tokens=False)
        self._known = tokenizer.unk_token_id not in {*self._open, *self._close}
        self._budget = budget
        self._prompt = prompt
        self._begun: torch.Tensor | None = None

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """(rows, vocabulary) logits; of a row that must end, all but one are -inf."""
        if not self._known:
            return scores
        if self._begun is None:
            self._begin(input_ids)
        assert self._begun is not None
        length = input_ids.shape[1]
        if length - self._prompt >= len(self._open):
            opened = (self._begun < 0) & _ends_with(input_ids, self._open)
            self._begun = torch.where(opened, length, self._begun)
        thought = torch.where(self._begun < 0, -1, length - self._begun)
        self._ended |= (thought >= len(self._close)) & _ends_with(input_ids, self._close)
        must_end = (thought >= self._budget) & ~self._ended
        if must_end.any():
            scores[must_end] = -torch.inf
            scores[must_end, self._next(input_ids)[must_end]] = 0.0
        return scores

    def _begin(self, input_ids: torch.Tensor) -> None:
        """Rows whose prompt opened the thinking have begun already."""
        opened = torch.zeros(len(input_ids), dtype=torch.bool, device=input_ids.device)
        self._ended = opened
        for behind in range(LINE_BREAKS + 1):
            end = self._prompt - behind
            if end >= len(self._open):
                opened = opened | _ends_with(input_ids[:, :end], self._open)
        self._begun = torch.where(opened, self._prompt, -1)

    def _next(self, input_ids: torch.Tensor) -> torch.Tensor:
        """(rows,) the tag's next token, behind as much of it as a row has spelled already."""
        spelled = torch.zeros(len(input_ids), dtype=torch.long, device=input_ids.device)
        for width in range(1, min(len(self._close), input_ids.shape[1] - self._prompt + 1)):
            spelled[_ends_with(input_ids, self._close[:width])] = width
        return torch.tensor(self._close, device=input_ids.device)[spelled]


def _ends_with(tokens: torch.Tensor, wanted: list[int]) -> torch.Tensor:
    """(rows,) whether a row's last tokens are these."""
    tail = tokens[:, tokens.shape[1] - len(wanted) :]
    return (tail == torch.tensor(wanted, device=tokens.device)).all(1)
