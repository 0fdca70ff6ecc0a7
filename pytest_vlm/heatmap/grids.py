"""The grids that a map's cells form: one for a plain map, one a resolution for tiles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SAME_SIZE = 0.15  # of it: edges may be rounded to pixels
SAME_LINE = 0.15  # of a cell
SCATTERED = 64

Edges = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True, eq=False)
class CellGrid:
    """Cells of one picture and one size, in rows and columns; some places may be empty.

    Attributes:
        cells: (n,) numbers of the cells in their map.
        rows: (n,) of each of them.
        columns: (n,) of each of them.
        shape: rows and columns of the whole grid.
        origin: left and top edge, in original pixels.
        cell: width and height of a cell, in original pixels.
    """

    cells: NDArray[np.intp]
    rows: NDArray[np.intp]
    columns: NDArray[np.intp]
    shape: tuple[int, int]
    origin: tuple[float, float]
    cell: tuple[float, float]

    @classmethod
    def of(cls, cells: NDArray[np.intp], edges: Edges) -> CellGrid:
        """The grid of some cells of one size, whose left, top, right and bottom edges these are."""
        across, left, width = _in_cells(edges[0], edges[2])
        down, top, height = _in_cells(edges[1], edges[3])
        columns, rows = np.rint(across).astype(np.intp), np.rint(down).astype(np.intp)
        return cls(
            cells=cells,
            rows=rows,
            columns=columns,
            shape=(int(rows.max()) + 1, int(columns.max()) + 1),
            origin=(left, top),
            cell=(width, height),
        )

    @property
    def is_scattered(self) -> bool:
        """Whether nearly all places are empty."""
        return self.shape[0] * self.shape[1] > SCATTERED * self.cells.size

    def fits(self, edges: Edges) -> bool:
        """Whether the cells lie where their rows and columns say, give or take a third of one."""
        ways = zip((self.columns, self.rows), self.origin, self.cell, strict=True)
        return all(
            np.abs((edges[axis + far, self.cells] - origin) / size - places - far / 2).max()
            <= 1 / 3
            for axis, (places, origin, size) in enumerate(ways)
            for far in (0, 2)
        )

    def table(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """(..., rows, columns) of (..., n) values; 0 where a place is empty.

        Cells in one place, as of tiles that overlap, are added up.
        """
        places = self.rows * self.shape[1] + self.columns
        length = self.shape[0] * self.shape[1]
        tables: NDArray[np.float64] = np.stack(
            [np.bincount(places, row, length) for row in values.reshape(-1, self.cells.size)]
        )
        return tables.reshape(*values.shape[:-1], *self.shape)

    def numbers(self) -> NDArray[np.intp]:
        """(rows, columns) numbers of the cells in their map; -1 where a place is empty."""
        table = np.full(self.shape, -1, dtype=np.intp)
        table[self.rows, self.columns] = self.cells
        return table


def cell_grids(
    boxes: NDArray[np.float32],
    media: NDArray[np.int32] | None = None,
    frame: NDArray[np.int32] | None = None,
) -> list[CellGrid]:
    """The grids of a map's cells, those with the largest cells first.

    Cells of one picture belong to one grid where they are of one size and their edges lie on common
    lines: tiles side by side form one and the thumbnail beside them another. Cells that form no
    rows and columns are grids of their own.

    Args:
        boxes: (n, 4) x0, y0, x1, y1 in original pixels.
        media: (n,) of each cell; None where all are in one picture.
        frame: (n,) likewise.
    """
    edges = np.ascontiguousarray(boxes.T)
    sizes = [_size_classes(edges[axis + 2] - edges[axis]) for axis in (0, 1)]
    grids = []
    for same in _parted(np.arange(len(boxes)), [media, frame, *sizes]):
        some = edges if same.size == len(boxes) else edges[:, same]
        lines = [_classes(_off_line(some[axis], some[axis + 2]), SAME_LINE) for axis in (0, 1)]
        uneven = any(label is not None for label in (*sizes, *lines))
        for cells in _parted(same, lines):
            grid = CellGrid.of(cells, edges[:, cells])
            apart = grid.is_scattered or (uneven and not grid.fits(edges))
            grids += _alone(grid, edges) if apart else [grid]
    return sorted(grids, key=lambda grid: -grid.cell[0] * grid.cell[1])


def _in_cells(near: Edges, far: Edges) -> tuple[NDArray[np.float32], float, float]:
    """How many cells from the first edge each near edge lies; the first edge and a cell's size."""
    first, size = near.min(), np.maximum((far - near).mean(), np.float32(1e-6))
    return (near - first) / size, float(first), float(size)


def _size_classes(sizes: NDArray[np.float32]) -> NDArray[np.intp] | None:
    """The same number for sizes that are nearly the same; None where all are."""
    if sizes.max() <= (1 + SAME_SIZE) * sizes.min():
        return None
    return _classes(np.log(np.maximum(sizes, np.float32(1e-6))), SAME_SIZE)


def _off_line(near: Edges, far: Edges) -> NDArray[np.float32]:
    """How far edges lie from those of a grid that begins at the first: -0.25 to 0.75 cells.

    So no two that are equal but for rounding come to lie at both ends, also not at half a cell.
    """
    places, _, _ = _in_cells(near, far)
    off: NDArray[np.float32] = places - np.floor(places + np.float32(0.25))
    return off


def _classes(values: NDArray[np.float32], step: float) -> NDArray[np.intp] | None:
    """The same number for values that lie within a step of each other; None where all do."""
    if values.max() - values.min() <= step:
        return None
    order = np.argsort(values, kind="stable")
    classes = np.zeros(values.size, dtype=np.intp)
    classes[order[1:]] = np.cumsum(np.diff(values[order]) > step)
    return classes


def _parted(
    cells: NDArray[np.intp], labels: Sequence[NDArray[np.integer] | None]
) -> list[NDArray[np.intp]]:
    """The cells of each combination of labels."""
    telling = [label for label in labels if label is not None and label.any()]
    if not telling:
        return [cells]
    _, group = np.unique(np.stack(telling), axis=1, return_inverse=True)
    group = group.ravel()
    return [cells[group == one] for one in range(int(group.max()) + 1)]


def _alone(grid: CellGrid, edges: Edges) -> list[CellGrid]:
    """A grid for each of its cells."""
    ones = np.split(grid.cells, grid.cells.size)
    return [CellGrid.of(one, edges[:, one]) for one in ones]
