"""Prompts with answers put behind them, to be read once more by the model that is explained.

An answer may come from anywhere, the cache or a server as well: it is only read, not generated.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from pytest_vlm.engine.generation.thinking import OPEN
from pytest_vlm.evaluation.explanation import Span
from pytest_vlm.evaluation.predictions import Completion


@dataclass(frozen=True, kw_only=True)
class Answer:
    """The tokens of an answer.

    Attributes:
        tokens: at least one.
        explained: places among them of those that are explained; at least one.
    """

    tokens: Sequence[int]
    explained: Sequence[int]


@dataclass(frozen=True, kw_only=True)
class Reading:
    """A batch of prompts with their answers, and what of the answers is explained.

    Attributes:
        inputs: name to tensor, as the model's forward takes them; ``input_ids`` is (batch, length).
        rows: (batch, r) positions that predict the explained tokens: each the one before its token.
        targets: (batch, r) the explained tokens.
        weights: (batch, r) float32: 1/n for each of a sample's n explained tokens, 0 for padding.
        visual: (batch, length) which tokens stand for a picture.
    """

    inputs: dict[str, torch.Tensor]
    rows: torch.Tensor
    targets: torch.Tensor
    weights: torch.Tensor
    visual: torch.Tensor

    @property
    def explained(self) -> torch.Tensor:
        """(batch, length) which tokens are explained."""
        marked = torch.zeros_like(self.visual)
        batch, place = self.weights.nonzero(as_tuple=True)
        marked[batch, self.rows[batch, place] + 1] = True
        return marked


def read_answer(
    tokenizer: Any, completion: Completion, span: Span, *, thinking: bool = False
) -> Answer:
    """The answer's tokens as it was generated, reasoning included, and those that touch the span.

    Args:
        tokenizer: of the checkpoint that reads it.
        completion: any.
        span: characters of its raw text; one that touches no token explains them all.
        thinking: whether the prompt ends by opening the reasoning, so that the tag that the raw
            text begins with is the prompt's own.
    """
    text, (start, end) = completion.raw, span
    if thinking and text.startswith(OPEN):
        text, start, end = text[len(OPEN) :], start - len(OPEN), end - len(OPEN)
    if tokenizer.is_fast:
        encoded = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
        tokens = encoded["input_ids"]
        offsets = encoded["offset_mapping"]
        touched = [i for i, (a, b) in enumerate(offsets) if a < end and b > start]
    else:
        tokens, before, until = (
            tokenizer(part, add_special_tokens=False)["input_ids"]
            for part in (text, text[: max(start, 0)], text[: max(end, 0)])
        )
        last = _in_common(tokens, until)
        touched = list(range(_in_common(tokens, before), last + (last < len(until))))
    if not tokens:  # it ended at once, and that is what there is to explain
        end_token = tokenizer.eos_token_id
        tokens = [tokenizer.pad_token_id if end_token is None else end_token]
    return Answer(tokens=tokens, explained=touched or range(len(tokens)))


def _in_common(tokens: Sequence[int], others: Sequence[int]) -> int:
    """How many tokens both begin with: one that spans a cut differs from what is before the cut."""
    pairs = enumerate(zip(tokens, others, strict=False))
    return next((i for i, (a, b) in pairs if a != b), min(len(tokens), len(others)))


def put_behind(
    inputs: dict[str, torch.Tensor],
    answers: Sequence[Answer],
    *,
    image_token: int,
    pad: int,
    model_type: str,
) -> Reading:
    """Prompts, padded on the left, with answers behind them, padded on the right.

    Args:
        inputs: of the prompts alone.
        answers: one for each.
        image_token: stands for a part of a picture.
        pad: the token to pad with.
        model_type: of the model, some of which read a prompt otherwise than an answer.
    """
    ids = inputs["input_ids"]
    prompt, device = ids.shape[1], ids.device
    spoken = _padded([list(answer.tokens) for answer in answers], pad).to(ids)
    mask = _padded([[1] * len(answer.tokens) for answer in answers], 0).to(ids)
    tails = {"input_ids": spoken, "attention_mask": mask}
    if "paligemma" in model_type:
        tails["token_type_ids"] = torch.ones_like(spoken)  # 0 would let the prompt see the answer
    extended = {
        name: torch.cat([value, tails.get(name, torch.zeros_like(spoken)).to(value)], dim=1)
        if value.shape == ids.shape and not value.is_floating_point()
        else value
        for name, value in inputs.items()
    }
    places = _padded([list(answer.explained) for answer in answers], 0).to(device)
    shares = [[1 / len(answer.explained)] * len(answer.explained) for answer in answers]
    visual = torch.zeros_like(extended["input_ids"], dtype=torch.bool)
    visual[:, :prompt] = ids == image_token
    return Reading(
        inputs=extended,
        rows=places + prompt - 1,
        targets=spoken.gather(1, places),
        weights=_padded(shares, 0.0).to(device),
        visual=visual,
    )


def _padded(rows: Sequence[Sequence[float]], value: float) -> torch.Tensor:
    width = max(map(len, rows))
    return torch.tensor([[*row, *[value] * (width - len(row))] for row in rows])
