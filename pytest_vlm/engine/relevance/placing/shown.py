"""What a batch's image tokens were made of."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from pytest_vlm.errors import RelevanceUnavailable

Boxes = NDArray[np.float32]
"""(tokens, 4): x0, y0, x1, y1 in pixels of the original; NaN for a token without a place."""

Size = tuple[int, int]
"""Width and height in pixels."""


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A batch as the model was shown it.

    Attributes:
        inputs: of the model; ``input_ids`` is (batch, length).
        visual: (batch, length), which tokens stand for a picture.
        sizes: for each sample the original size of each picture.
        processor: made the pictures into pixel values.
    """

    inputs: dict[str, torch.Tensor]
    visual: NDArray[np.bool_]
    sizes: Sequence[Sequence[Size]]
    processor: Any

    @property
    def tokens(self) -> list[int]:
        """Image tokens of each sample."""
        return [int(count) for count in self.visual.sum(1)]

    @property
    def pictures(self) -> int:
        """Of the whole batch."""
        return sum(map(len, self.sizes))

    def runs(self, row: int) -> list[tuple[int, int]]:
        """Start and end of each unbroken row of image tokens in a sample's prompt."""
        edges = np.flatnonzero(np.diff(self.visual[row], prepend=False, append=False))
        return [(int(start), int(end)) for start, end in list(pairwise(edges))[::2]]

    def number(self, name: str, default: int | None = None) -> int:
        """A whole number of the image processor's.

        Raises:
            RelevanceUnavailable: it has none.
        """
        value = getattr(self.processor, name, default)
        if value is None:
            kind = type(self.processor).__name__
            raise RelevanceUnavailable(f"{kind} says no {name}: its image tokens have no place")
        return int(value)


def square_side(tokens: int) -> int:
    """Edge of a square of so many tokens.

    Raises:
        RelevanceUnavailable: it is none.
    """
    side = math.isqrt(tokens)
    if side == 0 or side * side != tokens:
        raise RelevanceUnavailable(f"{tokens} image tokens form no square grid")
    return side


def share(tokens: int, parts: int, what: str) -> int:
    """Tokens of each of so many equal parts.

    Raises:
        RelevanceUnavailable: they do not divide.
    """
    if parts == 0 or tokens % parts:
        raise RelevanceUnavailable(f"{tokens} image tokens for {parts} {what}")
    return tokens // parts
