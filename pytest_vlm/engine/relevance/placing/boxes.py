"""Boxes of tokens from intervals along the two edges of a picture."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pytest_vlm.engine.relevance.placing.shown import Boxes, Size

Area = tuple[float, float, float, float]


def crossed(rows: ArrayLike, columns: ArrayLike) -> Boxes:
    """(rows·columns, 4) boxes, row-major, from (rows, 2) and (columns, 2) starts and ends."""
    y, x = np.asarray(rows, dtype=np.float64), np.asarray(columns, dtype=np.float64)
    across, down = np.tile(x, (len(y), 1)), np.repeat(y, len(x), axis=0)
    return np.stack([across[:, 0], down[:, 0], across[:, 1], down[:, 1]], axis=1).astype(np.float32)


def patch_edges(pixels: int, patches: int) -> NDArray[np.float64]:
    """(patches, 2) starts and ends, in pixels of the edge that is cut into patches.

    What is too short for a patch is left unseen at the end: 384 pixels hold 27 patches of 14.
    """
    length = pixels // patches
    starts = np.arange(patches, dtype=np.float64) * length
    return np.stack([starts, starts + length], axis=1)


def square_of_patches(side: int, pixels: int, area: Area) -> Boxes:
    """The cells of a square of (side, side) patches that shows an area of the picture.

    Args:
        side: patches along an edge.
        pixels: of that edge, as the vision tower sees it.
        area: x0, y0, x1, y1 in pixels of the original.
    """
    x0, y0, x1, y1 = area
    edges = patch_edges(pixels, side) / pixels
    return crossed(y0 + edges * (y1 - y0), x0 + edges * (x1 - x0))


def clipped(boxes: Boxes, size: Size) -> Boxes:
    """The part of each box that lies on the picture; NaN where nothing does."""
    edges = np.array([*size, *size], dtype=np.float32)
    inside = np.clip(boxes, 0, edges)
    empty = (inside[:, 2] <= inside[:, 0]) | (inside[:, 3] <= inside[:, 1])
    inside[empty] = np.nan
    return inside


def nowhere(tokens: int) -> Boxes:
    """Boxes of tokens without a place."""
    return np.full((tokens, 4), np.nan, dtype=np.float32)
