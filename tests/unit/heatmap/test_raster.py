"""Cells on pixels, against painting them one by one."""

from __future__ import annotations

import numpy as np
import pytest

from pytest_vlm.heatmap.heatmap import grid_boxes
from pytest_vlm.heatmap.raster import cells_on_top, interpolated, nearest

SIZE = (60, 48)


def painted(boxes: np.ndarray) -> np.ndarray:
    """(48, 60) the cell at each pixel's centre, the smallest ones painted last."""
    y, x = np.mgrid[: SIZE[1], : SIZE[0]] + 0.5
    numbers = np.full(SIZE[::-1], -1)
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    for cell in np.argsort(-areas, kind="stable"):
        x0, y0, x1, y1 = boxes[cell]
        numbers[(x0 <= x) & (x < x1) & (y0 <= y) & (y < y1)] = cell
    return numbers


@pytest.mark.parametrize(
    "boxes",
    [
        grid_boxes((6, 8), (0, 0, 60, 48)),
        grid_boxes((5, 7), (0, 0, 60, 48)),
        grid_boxes((3, 4), (-6.3, 5.2, 41.7, 90)),
        grid_boxes((60, 60), (0, 0, 60, 48)),
        np.concatenate([grid_boxes((4, 4), (0, 0, 30, 24)), grid_boxes((4, 4), (0, 0, 60, 48))]),
        np.concatenate([grid_boxes((3, 3), (x, 0, x + 24, 24)) for x in (0, 36)]),
        np.float32([[3, 3, 9, 9], [40, 30, 46, 36], [20.5, 7.25, 26.5, 13.25]]),
        np.stack([[i, i / 2, 1.1 * i + 3, 0.6 * i + 3] for i in range(40)]).astype(np.float32),
        np.float32([[70, 70, 80, 80], [-9, -9, -1, -1]]),
    ],
    ids=[
        "grid",
        "crooked",
        "cut off",
        "fine",
        "thumbnail",
        "apart",
        "scattered",
        "of all sizes",
        "outside",
    ],
)
def test_every_pixel_shows_the_cell_that_lies_on_top(boxes):
    assert (cells_on_top(boxes, SIZE) == painted(boxes)).all()


def test_values_where_cells_are_and_none_elsewhere():
    boxes = np.float32([[0, 0, 30, 48], [40, 0, 70, 48]])
    found = nearest(np.float32([3, 7]), boxes, SIZE)
    assert (found[:, :30] == 3).all()
    assert np.isnan(found[:, 30:40]).all()
    assert (found[:, 40:] == 7).all()


def test_bilinear_meets_a_plane_exactly_between_the_outer_centres():
    boxes = grid_boxes((6, 8), (0, 0, 60, 48))
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    plane = centres @ np.float32([0.25, 2])
    y, x = np.mgrid[: SIZE[1], : SIZE[0]] + 0.5
    found = interpolated(plane, boxes, SIZE)
    inside = (slice(4, -4), slice(4, -4))
    assert found[inside] == pytest.approx((0.25 * x + 2 * y)[inside], rel=1e-5)
    assert (found[:, 0] == found[:, 3]).all()


def test_bilinear_takes_nothing_from_where_there_is_no_cell():
    boxes = np.delete(grid_boxes((3, 3), (0, 0, 60, 48)), 4, axis=0)
    found = interpolated(np.full(8, 5, np.float32), boxes, SIZE)
    assert np.isnan(found[16:32, 20:40]).all()
    assert found[~np.isnan(found)] == pytest.approx(5)
    assert np.isnan(found).sum() == 16 * 20


@pytest.mark.parametrize("drawn", [nearest, interpolated])
@pytest.mark.parametrize(("tile", "thumbnail", "seen"), [(9, 1, 9), (1, 9, 9), (-2, 1, -2)])
def test_of_cells_that_overlap_the_value_that_is_farther_from_zero_is_seen(
    drawn, tile, thumbnail, seen
):
    boxes = np.concatenate([grid_boxes((2, 2), (0, 0, 30, 48)), grid_boxes((2, 2), (0, 0, 60, 48))])
    values = np.float32([tile] * 4 + [thumbnail] * 4)
    for order in (np.arange(8), np.arange(8)[::-1]):
        found = drawn(values[order], boxes[order], SIZE)
        assert found[:, :30] == pytest.approx(seen)
        assert found[:, 30:] == pytest.approx(thumbnail)


def test_bilinear_is_made_in_each_grid_alone():
    boxes = np.concatenate([grid_boxes((2, 2), (x, 0, x + 24, 48)) for x in (0, 36)])
    found = interpolated(np.float32([1] * 4 + [9] * 4), boxes, SIZE)
    assert found[:, :24] == pytest.approx(1)
    assert np.isnan(found[:, 24:36]).all()
    assert found[:, 36:] == pytest.approx(9)
