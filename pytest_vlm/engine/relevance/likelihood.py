"""How likely a model finds the answer that is explained."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from inspect import signature
from typing import Any

import torch

from pytest_vlm.engine.relevance.reading import Reading


def read(model: Any, reading: Reading, keep: int | torch.Tensor = 1, **instead: Any) -> Any:
    """One forward pass, with the logits of some positions alone where the model can do that.

    Args:
        model: of transformers.
        reading: prompts and answers.
        keep: so many of the last positions, or which positions.
        instead: inputs that replace the reading's own.
    """
    options = (
        {}
        if "logits_to_keep" not in signature(model.forward).parameters
        else {"logits_to_keep": keep}
    )
    return model(**{**reading.inputs, **instead}, use_cache=False, **options)


def log_likelihood(model: Any, reading: Reading, **instead: Any) -> torch.Tensor:
    """(batch,) mean log p of each sample's explained tokens, given all that stands before them."""
    kept = torch.unique(reading.rows)
    logits = read(model, reading, kept, **instead).logits
    asked = logits.shape[1] == len(kept)
    index = torch.searchsorted(kept, reading.rows) if asked else reading.rows
    here = torch.arange(len(index), device=index.device)[:, None]
    chosen: torch.Tensor = logits[here, index].float()
    spoken = chosen.log_softmax(-1).gather(2, reading.targets[..., None])[..., 0]
    return (spoken * reading.weights).sum(1)


@contextmanager
def frozen(model: torch.nn.Module) -> Iterator[None]:
    """Gradients, but of no weight: the weights are shared, and none of them is to be changed."""
    trained = [weight for weight in model.parameters() if weight.requires_grad]
    try:
        for weight in trained:
            weight.requires_grad_(False)
        with torch.enable_grad():
            yield
    finally:
        for weight in trained:
            weight.requires_grad_(True)
