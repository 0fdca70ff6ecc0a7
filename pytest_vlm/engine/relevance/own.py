"""Relevance that a model brings itself."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

import torch

from pytest_vlm.engine.relevance.method import Relevance
from pytest_vlm.engine.relevance.reading import Reading
from pytest_vlm.errors import RelevanceUnavailable


@runtime_checkable
class BringsRelevance(Protocol):
    """A model of transformers with a method that says which of its visual tokens mattered."""

    def visual_relevance(
        self, inputs: dict[str, torch.Tensor], *, answer: torch.Tensor, visual: torch.Tensor
    ) -> torch.Tensor:
        """The relevance of every token, of which only the visual ones' are read.

        Args:
            inputs: of prompts with their answers, as the model's forward takes them; ``input_ids``
                is (batch, length). They are the model's to change.
            answer: (batch, length) boolean, the tokens to explain. What predicts a token is the
                position before it.
            visual: (batch, length) boolean, the tokens that stand for a picture.

        Returns:
            (batch, length), finite and not negative; the scale is the model's own.
        """


def brings_relevance(model: Any) -> bool:
    """Whether the method ``own`` works for it."""
    return isinstance(model, BringsRelevance)


@torch.no_grad()
def own(model: Any, reading: Reading) -> Relevance:
    """What the model's ``visual_relevance`` says.

    Raises:
        RelevanceUnavailable: it has none, or returns no tensor, another shape or negative values.
    """
    if not brings_relevance(model):
        raise RelevanceUnavailable(
            f"{type(model).__name__} brings no relevance of its own (a method visual_relevance)"
        )
    try:
        values = model.visual_relevance(
            dict(reading.inputs), answer=reading.explained, visual=reading.visual
        )
    finally:
        model.zero_grad()  # a backward pass leaves a gradient as large as each weight
    if not isinstance(values, torch.Tensor):
        raise RelevanceUnavailable(
            f"its visual_relevance returned {type(values).__name__} in place of a tensor"
        )
    if values.shape != reading.visual.shape:
        raise RelevanceUnavailable(
            f"its visual_relevance returned the shape {tuple(values.shape)} in place of (batch, "
            f"length) = {tuple(reading.visual.shape)}"
        )
    lowest = float(values[reading.visual].min())
    if lowest < 0:
        raise RelevanceUnavailable(
            f"its visual_relevance returned {lowest:.3g}, and relevance is not negative; take the "
            "positive part, or the absolute value"
        )
    return Relevance(values=values.detach().float())
