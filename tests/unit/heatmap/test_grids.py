"""Cells find their rows and columns, also where they are tiles."""

from __future__ import annotations

import numpy as np
import pytest

from pytest_vlm.heatmap.grids import cell_grids
from pytest_vlm.heatmap.heatmap import grid_boxes


def tiles(order: list[int], *, at: float = 0, cell: float = 10) -> np.ndarray:
    """2×2 tiles of 3×3 cells each, in the order given."""
    edge = 3 * cell
    corners = [(at + (i % 2) * edge, at + (i // 2) * edge) for i in order]
    return np.concatenate([grid_boxes((3, 3), (x, y, x + edge, y + edge)) for x, y in corners])


def test_a_plain_grid_is_one_in_its_own_order():
    (grid,) = cell_grids(grid_boxes((3, 5), (7, 9, 57, 69)))
    assert grid.shape == (3, 5)
    assert (grid.origin, grid.cell) == ((7, 9), (10, 20))
    assert grid.numbers().tolist() == np.arange(15).reshape(3, 5).tolist()
    values = np.arange(30.0).reshape(2, 15)
    assert grid.table(values).tolist() == values.reshape(2, 3, 5).tolist()


@pytest.mark.parametrize("cell", [14, 16 * 4000 / 4096, 4000 / 27, 1 / 3])
@pytest.mark.parametrize("order", [[0, 1, 2, 3], [2, 0, 3, 1]])
def test_tiles_of_one_size_form_one_grid_in_whatever_order_they_come(order, cell):
    boxes = tiles(order, cell=cell)
    (grid,) = cell_grids(boxes)
    assert grid.shape == (6, 6)
    numbers = grid.numbers()
    assert sorted(numbers.ravel()) == list(range(36))
    assert boxes[numbers[0, 4], 0] == pytest.approx(4 * cell, rel=1e-4)
    assert boxes[numbers[5, 1], 1] == pytest.approx(5 * cell, rel=1e-4)


def test_a_thumbnail_is_a_grid_of_its_own_and_comes_first():
    boxes = np.concatenate([tiles([0, 1, 2, 3]), grid_boxes((3, 3), (0, 0, 60, 60))])
    coarse, fine = cell_grids(boxes)
    assert (coarse.shape, fine.shape) == ((3, 3), (6, 6))
    assert coarse.cells.tolist() == list(range(36, 45))


def test_pictures_and_frames_are_apart():
    boxes = np.concatenate([grid_boxes((2, 2), (0, 0, 8, 8))] * 3)
    media, frame = np.repeat([0, 0, 1], 4), np.repeat([0, 1, 0], 4)
    grids = cell_grids(boxes, media, frame)
    assert sorted(grid.cells.tolist() for grid in grids) == [
        [0, 1, 2, 3],
        [4, 5, 6, 7],
        [8, 9, 10, 11],
    ]


def test_a_missing_tile_leaves_its_places_empty():
    (grid,) = cell_grids(tiles([0, 1, 3]))
    assert grid.shape == (6, 6)
    assert (grid.numbers()[3:, :3] == -1).all()
    assert (grid.table(np.ones(27))[3:, :3] == 0).all()


def test_cells_in_one_place_are_added_up():
    (grid,) = cell_grids(np.concatenate([grid_boxes((2, 2), (0, 0, 8, 8))] * 2))
    assert grid.table(np.arange(8.0)).tolist() == [[4, 6], [8, 10]]


def test_cells_far_from_each_other_are_grids_of_their_own():
    boxes = np.float32([[0, 0, 1, 1], [5e5, 8e5, 5e5 + 1, 8e5 + 1], [9e5, 0, 9e5 + 1, 1]])
    assert [grid.shape for grid in cell_grids(boxes)] == [(1, 1)] * 3


def test_cells_without_width_do_no_harm():
    assert cell_grids(np.float32([[3, 3, 3, 3]]))[0].shape == (1, 1)


def test_edges_rounded_to_pixels_are_still_of_one_grid():
    boxes = np.rint(grid_boxes((24, 24), (0, 0, 224, 229)))
    (grid,) = cell_grids(boxes)
    assert grid.numbers().tolist() == np.arange(576).reshape(24, 24).tolist()


def test_tiles_off_each_others_lines_are_grids_of_their_own():
    boxes = np.concatenate([grid_boxes((3, 3), (x, 0, x + 30, 30)) for x in (0, 45)])
    grids = cell_grids(boxes)
    assert sorted(grid.cells.tolist() for grid in grids) == [list(range(9)), list(range(9, 18))]
    assert sorted(grid.origin for grid in grids) == [(0, 0), (45, 0)]
