"""What a method of making maps is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from pytest_vlm.engine.relevance.reading import Reading


@dataclass(frozen=True, kw_only=True)
class Relevance:
    """What the tokens of a batch matter to its answers.

    Attributes:
        values: (batch, length) float32, not negative; only those of visual tokens count.
        layers: numbers of the decoder's layers that it was read from.
    """

    values: torch.Tensor
    layers: tuple[int, ...] = ()


Method = Callable[[Any, Reading], Relevance]
"""From a model of transformers and what it reads; raises `RelevanceUnavailable` where it cannot."""
