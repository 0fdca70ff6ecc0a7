"""LLaVA-NeXT and LLaVA-OneVision: the whole picture first, then its tiles, as one wide grid.

The picture is fitted into a canvas of tiles with its proportions kept. The tokens of the canvas
that lie beside the picture are taken off, and each row of what is left ends with a newline token.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from transformers.image_processing_utils import select_best_resolution

from pytest_vlm.engine.relevance.placing.boxes import (
    clipped,
    crossed,
    nowhere,
    patch_edges,
    square_of_patches,
)
from pytest_vlm.engine.relevance.placing.shown import Boxes, Shown, Size
from pytest_vlm.errors import RelevanceUnavailable

MOST_TILES = 9
SHRUNK_ABOVE = 1.1


def anyres_pictures(shown: Shown) -> list[list[Boxes]]:
    """``image_sizes`` has the size of each picture as the image processor was given it.

    LLaVA-OneVision tells by ``batch_num_images`` that it shows several pictures of one sample in
    one square each, and that it resizes more tokens than `MOST_TILES` tiles have to so many.

    Raises:
        RelevanceUnavailable: no number of patches a tile gives the tokens that there are.
    """
    pixels = int(shown.inputs["pixel_values"].shape[-1])
    onevision = "batch_num_images" in shown.inputs
    given = iter(shown.inputs["image_sizes"].tolist())
    wanted = []
    for sizes in shown.sizes:
        canvases = [] if onevision and len(sizes) > 1 else shown.processor.image_grid_pinpoints
        wanted.append(
            [_Fitted.into(canvases, size, next(given), pixels, onevision) for size in sizes]
        )
    for side in range(1, pixels + 1):
        if [sum(picture.tokens(side) for picture in row) for row in wanted] == shown.tokens:
            return [[picture.boxes(side) for picture in row] for row in wanted]
    raise RelevanceUnavailable(
        f"{shown.tokens} image tokens fit no number of patches in tiles of {pixels} pixels"
    )


@dataclass(frozen=True, kw_only=True)
class _Fitted:
    """One picture on its canvas; every pair is (height, width).

    Attributes:
        size: of the original, width first.
        given: pixels of the picture as the image processor was given it.
        tiles: rows and columns of the canvas; None where only the whole picture is shown.
        pixels: edge of a tile.
        shrinks: whether more than `MOST_TILES` tiles of tokens are resized to as many.
    """

    size: Size
    given: Sequence[int]
    tiles: tuple[int, int] | None
    pixels: int
    shrinks: bool

    @classmethod
    def into(
        cls,
        canvases: Sequence[Sequence[int]],
        size: Size,
        given: Sequence[int],
        pixels: int,
        shrinks: bool,
    ) -> _Fitted:
        """The picture on the canvas that wastes the least, of those that may be."""
        tiles = None
        if canvases:
            height, width = select_best_resolution(tuple(given), list(canvases))
            tiles = (height // pixels, width // pixels)
        return cls(size=size, given=given, tiles=tiles, pixels=pixels, shrinks=shrinks)

    def tokens(self, side: int) -> int:
        """How many, if a tile has (side, side) patches."""
        if self.tiles is None:
            return side * side + 1
        rows, columns = self._grid(self._beside(side), side)
        return side * side + rows * (columns + 1)

    def boxes(self, side: int) -> Boxes:
        """One a token."""
        base = square_of_patches(side, self.pixels, (0, 0, *self.size))
        if self.tiles is None:
            return np.concatenate([base, nowhere(1)])
        beside = self._beside(side)
        rows, columns = self._grid(beside, side)
        cells = crossed(
            self._edges(0, beside[0], rows, side), self._edges(1, beside[1], columns, side)
        )
        lines = clipped(cells, self.size).reshape(rows, columns, 4)
        newlines = nowhere(rows).reshape(rows, 1, 4)
        return np.concatenate([base, np.hstack([lines, newlines]).reshape(-1, 4)])

    def _beside(self, side: int) -> tuple[int, int]:
        """Rows and columns of tokens taken off at each end."""
        assert self.tiles is not None
        height, width = (count * side for count in self.tiles)
        high, wide = self.given
        if wide / high > width / height:
            return (height - int(round(high * (width / wide), 7))) // 2, 0
        return 0, (width - int(round(wide * (height / high), 7))) // 2

    def _grid(self, beside: tuple[int, int], side: int) -> tuple[int, int]:
        """Rows and columns of tokens that are left, newlines not counted."""
        assert self.tiles is not None
        rows, columns = (t * side - 2 * b for t, b in zip(self.tiles, beside, strict=True))
        ratio = math.sqrt(rows * columns / (MOST_TILES * side**2))
        if self.shrinks and ratio > SHRUNK_ABOVE:
            return int(rows // ratio), int(columns // ratio)
        return rows, columns

    def _edges(self, axis: int, beside: int, left: int, side: int) -> NDArray[np.float64]:
        """(left, 2) starts and ends of the tokens along an axis, in pixels of the original."""
        assert self.tiles is not None
        tile = patch_edges(self.pixels, side)
        canvas = np.concatenate([tile + n * self.pixels for n in range(self.tiles[axis])])
        kept = canvas[beside : len(canvas) - beside]
        if len(kept) != left:
            borders = np.linspace(kept[0, 0], kept[-1, 1], left + 1)
            kept = np.stack([borders[:-1], borders[1:]], axis=1)
        whole = self.tiles[axis] * self.pixels
        scale = min(t * self.pixels / g for t, g in zip(self.tiles, self.given, strict=True))
        length = min(math.ceil(self.given[axis] * scale), whole)
        inside: NDArray[np.float64] = (kept - (whole - length) // 2) * self.size[1 - axis] / length
        return inside
