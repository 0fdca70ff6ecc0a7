"""Texts that end an answer, whatever the tokens that spell them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from transformers import StoppingCriteria


class StopTexts(StoppingCriteria):
    """Ends a row once its answer contains one of the texts.

    The answer is decoded at every step: transformers' own criterion takes the vocabulary apart
    instead, which does not work for every tokenizer.

    Args:
        tokenizer: of the checkpoint.
        texts: that end an answer.
        prompt: length of the padded prompt in tokens.
    """

    def __init__(self, tokenizer: Any, texts: Sequence[str], prompt: int) -> None:
        self._tokenizer = tokenizer
        self._texts = texts
        self._prompt = prompt

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor, **_: Any) -> torch.Tensor:
        """(rows,) whether each one has ended."""
        answers = self._tokenizer.batch_decode(
            input_ids[:, self._prompt :], skip_special_tokens=True
        )
        ended = [any(text in answer for text in self._texts) for answer in answers]
        return torch.tensor(ended, device=input_ids.device)
