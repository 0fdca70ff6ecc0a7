"""Which part of cells lies in boxes; what overlaps is counted once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Boxes = NDArray[np.floating]


def disjoint(boxes: Boxes) -> Boxes:
    """(k, 4) boxes that cover what (m, 4) boxes cover, each point once."""
    boxes = boxes[(boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])]
    if len(boxes) <= 1:
        return boxes
    xs, ys = np.unique(boxes[:, ::2]), np.unique(boxes[:, 1::2])
    left, right = np.searchsorted(xs, boxes[:, ::2]).T
    top, bottom = np.searchsorted(ys, boxes[:, 1::2]).T
    steps = np.zeros((ys.size, xs.size), dtype=np.int64)
    for rows, columns, sign in (
        (top, left, 1),
        (top, right, -1),
        (bottom, left, -1),
        (bottom, right, 1),
    ):
        np.add.at(steps, (rows, columns), sign)
    covered = steps.cumsum(axis=0).cumsum(axis=1) > 0
    row, column = np.nonzero(covered)
    return np.stack([xs[column], ys[row], xs[column + 1], ys[row + 1]], axis=-1)


def area(boxes: Boxes) -> float:
    """Of what (m, 4) boxes cover, in their unit squared."""
    return float(_areas(disjoint(boxes)).sum())


def common(boxes: Boxes, others: Boxes) -> Boxes:
    """(n, m, 4) the box that each of n has in common with each of m; of no area where none."""
    low = np.maximum(boxes[:, None, :2], others[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], others[None, :, 2:])
    return np.concatenate([low, np.maximum(high, low)], axis=-1)


def shares_inside(cells: Boxes, boxes: Boxes) -> NDArray[np.float64]:
    """(n,) how much of each cell, 0 to 1, lies in the boxes together."""
    inside = _areas(common(cells, disjoint(boxes))).sum(axis=1)
    whole = _areas(cells)
    shares: NDArray[np.float64] = np.divide(
        inside, whole, out=np.zeros(len(cells)), where=whole > 0
    )
    return np.minimum(shares, 1.0)


def area_covered(cells: Boxes, boxes: Boxes) -> float:
    """Area of the boxes together that the cells together cover."""
    return area(common(cells, disjoint(boxes)).reshape(-1, 4))


def _areas(boxes: Boxes) -> NDArray[np.float64]:
    areas: NDArray[np.float64] = (boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1])
    return areas
