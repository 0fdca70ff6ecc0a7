"""The map as a value: cells, boxes, peak and mass."""

from __future__ import annotations

import numpy as np
import pytest

from pytest_vlm.heatmap.heatmap import Heatmap, Peak, grid_boxes


def test_a_grid_tiles_its_picture_row_by_row():
    grid = Heatmap.of_grid([[1, 2, 3], [4, 5, 6]], size=(30, 10), method="m")
    assert grid.values.tolist() == [1, 2, 3, 4, 5, 6]
    assert grid.boxes[:4].tolist() == [
        [0, 0, 10, 5],
        [10, 0, 20, 5],
        [20, 0, 30, 5],
        [0, 5, 10, 10],
    ]
    assert grid.shape == (2, 3)
    assert (grid.values.dtype, grid.boxes.dtype) == (np.float32, np.float32)


def test_boxes_of_a_tile_start_where_the_tile_starts():
    assert grid_boxes((1, 2), (10, 20, 30, 40)).tolist() == [[10, 20, 20, 40], [20, 20, 30, 40]]


def test_one_number_gives_the_picture_of_all_cells():
    cells = Heatmap.of_cells([1, 2], grid_boxes((1, 2), (0, 0, 8, 8)), method="m", media=2, frame=3)
    assert (cells.media.tolist(), cells.frame.tolist()) == ([2, 2], [3, 3])


BOXES = grid_boxes((2, 2), (0, 0, 8, 8))


@pytest.mark.parametrize(
    ("boxes", "media"),
    [
        (BOXES[:3], 0),
        (BOXES[[0, 2, 1, 3]], 0),
        (BOXES, [0, 0, 1, 1]),
        (np.array([[0, 0, 4, 4], [4, 0, 8, 4], [0, 4, 4, 8], [5, 4, 8, 8]]), 0),
    ],
    ids=["hole", "order", "two pictures", "crooked"],
)
def test_cells_that_are_no_grid_have_no_shape(boxes, media):
    cells = Heatmap.of_cells(np.ones(len(boxes)), boxes, method="m", media=media)
    assert cells.shape is None


@pytest.mark.parametrize(
    ("values", "boxes", "message"),
    [
        ([1, np.nan, 1, 1], BOXES, "must be finite and not negative"),
        ([1, np.inf, 1, 1], BOXES, "must be finite and not negative"),
        ([1, -0.1, 1, 1], BOXES, "must be finite and not negative"),
        ([1, 1, 1], BOXES, "needs n cells"),
        ([], np.zeros((0, 4)), "needs n cells"),
        ([1, 1, 1, 1], BOXES[:, :3], "needs n cells"),
    ],
)
def test_refuses_what_is_no_map(values, boxes, message):
    with pytest.raises(ValueError, match=message):
        Heatmap.of_cells(values, boxes, method="m")


def test_refuses_boxes_that_are_not_finite():
    boxes = BOXES.copy()
    boxes[0, 0] = np.nan
    with pytest.raises(ValueError, match="finite"):
        Heatmap.of_cells(np.ones(4), boxes, method="m")


def test_the_cells_of_one_picture_and_frame():
    cells = Heatmap.of_cells(
        [1, 2, 3, 4], BOXES, method="m", media=[0, 0, 1, 1], frame=[0, 1, 0, 0]
    )
    assert cells.on(0).values.tolist() == [1]
    assert cells.on(0, 1).values.tolist() == [2]
    assert cells.on(1).values.tolist() == [3, 4]
    assert cells.on(1).boxes.tolist() == BOXES[2:].tolist()
    assert cells.on(2) is None


def test_the_peak_is_the_centre_of_the_largest_cell():
    cells = Heatmap.of_cells([1, 2, 9, 3], BOXES, method="m", media=[0, 0, 1, 1])
    assert cells.peak() == Peak(x=2, y=6, media=1, frame=0)


@pytest.mark.parametrize("values", [[1, 1, 1, 1], [0, 0, 0, 0], [1, 9, 9, 1]])
def test_a_tie_has_no_peak(values):
    assert Heatmap.of_cells(values, BOXES, method="m").peak() is None
