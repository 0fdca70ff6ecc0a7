"""Generated tokens as answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pytest_vlm.evaluation.predictions import Completion


def read_completions(
    tokenizer: Any,
    rows: Sequence[list[int]],
    *,
    ends: frozenset[int],
    stop: Sequence[str],
    thinking: Sequence[bool],
    number: int,
) -> list[Completion]:
    """Cut each row where it ended, and decode it.

    Args:
        tokenizer: of the checkpoint.
        rows: new tokens, padded behind their end.
        ends: tokens that end an answer.
        stop: texts that end an answer.
        thinking: for each row whether its prompt opened the reasoning.
        number: which of the sample's draws it is.
    """
    cut = [_until_the_end(row, ends) for row in rows]
    texts = tokenizer.batch_decode(cut, skip_special_tokens=True)
    completions = []
    for text, tokens, opened in zip(texts, cut, thinking, strict=True):
        ended, length = bool(tokens) and tokens[-1] in ends, len(tokens)
        stops = [place for place in map(text.find, stop) if place >= 0]
        while stops and length and tokens[length - 1] == tokenizer.pad_token_id:
            length -= 1
        completions.append(
            Completion.parse(
                text[: min(stops)] if stops else text,
                finish_reason="stop" if ended or stops else "length",
                tokens=length,
                seed=number,
                thinking=opened,
            )
        )
    return completions


def _until_the_end(row: list[int], ends: frozenset[int]) -> list[int]:
    for place, token in enumerate(row, 1):
        if token in ends:
            return row[:place]
    return row
