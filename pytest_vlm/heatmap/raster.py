"""Cells on the pixels of a picture: which one lies on top, and what is seen of their values."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pytest_vlm.heatmap.grids import cell_grids

Values = NDArray[np.float32]


def cells_on_top(boxes: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.intp]:
    """(height, width) number of the cell at each pixel's centre; -1 where there is none.

    Args:
        boxes: (n, 4) in pixels of a picture of this size; where they overlap, the smaller cell lies
            on top of the larger one.
        size: width and height of the picture.
    """
    width, height = size
    numbers = np.full((height, width), -1, dtype=np.intp)
    for grid in cell_grids(boxes):
        columns, across = _places(grid.origin[0], grid.cell[0], grid.shape[1], width)
        rows, down = _places(grid.origin[1], grid.cell[1], grid.shape[0], height)
        found = grid.numbers()[rows[:, None], columns]
        part = numbers[down, across]
        np.copyto(part, found, where=found >= 0)
    return numbers


def nearest(values: Values, boxes: NDArray[np.float32], size: tuple[int, int]) -> Values:
    """(height, width) the value at each pixel's centre; NaN where there is no cell.

    Where cells overlap, as tiles and a thumbnail of the whole do, it is the value that is farther
    from zero, so that no cell that matters is hidden by one that does not.

    Args:
        values: (n,) of the cells.
        boxes: (n, 4) as in `cells_on_top`.
        size: likewise.
    """
    width, height = size
    result = np.full((height, width), np.nan, dtype=np.float32)
    known = np.append(values, np.float32(np.nan))
    for grid in cell_grids(boxes):
        columns, across = _places(grid.origin[0], grid.cell[0], grid.shape[1], width)
        rows, down = _places(grid.origin[1], grid.cell[1], grid.shape[0], height)
        _lay(known[grid.numbers()[rows[:, None], columns]], on=result[down, across])
    return result


def interpolated(values: Values, boxes: NDArray[np.float32], size: tuple[int, int]) -> Values:
    """As `nearest`, but linear between the centres of neighbours in one grid."""
    width, height = size
    result = np.full((height, width), np.nan, dtype=np.float32)
    for grid in cell_grids(boxes):
        columns, across = _places(grid.origin[0], grid.cell[0], grid.shape[1], width)
        rows, down = _places(grid.origin[1], grid.cell[1], grid.shape[0], height)
        left = _weights(grid.origin[0], grid.cell[0], grid.shape[1], across)
        above = _weights(grid.origin[1], grid.cell[1], grid.shape[0], down)
        filled = grid.table(np.ones(grid.cells.size)).astype(np.float32)
        table = grid.table(values[grid.cells].astype(np.float64)).astype(np.float32)
        found = above @ table @ left.T
        if not filled.min() == filled.max() == 1:
            there = filled[rows[:, None], columns] > 0
            near = np.where(there, above @ filled @ left.T, 1)
            found = np.where(there, found / near, np.float32(np.nan))
        _lay(found, on=result[down, across])
    return result


def _lay(found: NDArray[np.floating], *, on: Values) -> None:
    """Put values over others where there are none, or smaller ones."""
    larger = np.isnan(on) | (np.abs(found) >= np.abs(on))
    np.copyto(on, found, where=larger & ~np.isnan(found))


def _places(start: float, step: float, count: int, length: int) -> tuple[NDArray[np.intp], slice]:
    """Which of `count` places in a row each pixel lies in, and which of the pixels lie in any."""
    first = max(int(np.ceil(start - 0.5)), 0)
    last = min(int(np.ceil(start + count * step - 0.5)), length)
    pixels = np.arange(first, max(first, last)) + 0.5
    places = np.clip((pixels - start) / step, 0, count - 1).astype(np.intp)
    return places, slice(first, max(first, last))


def _weights(start: float, step: float, count: int, pixels: slice) -> Values:
    """(pixels, count) how much each place in a row gives to each pixel."""
    centres = (np.arange(pixels.start, pixels.stop) + 0.5 - start) / step - 0.5
    inside = np.clip(centres, 0, count - 1)
    weights: Values = np.maximum(
        1 - np.abs(inside[:, None] - np.arange(count)), 0, dtype=np.float32
    )
    return weights
