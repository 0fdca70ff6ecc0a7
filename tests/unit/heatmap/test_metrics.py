"""Distances tell a harmless change from a harmful one; no single number sees every kind."""

from __future__ import annotations

import math
from dataclasses import astuple, replace

import numpy as np
import pytest

from pytest_vlm.heatmap.grids import cell_grids
from pytest_vlm.heatmap.heatmap import Heatmap, grid_boxes
from pytest_vlm.heatmap.metrics import map_distance, smoothed

SAME = (1, 1, 0, 0, 1)


def of(grid) -> Heatmap:
    grid = np.atleast_2d(np.asarray(grid, dtype=np.float32))
    return Heatmap.of_grid(grid, size=(10 * grid.shape[1], 10 * grid.shape[0]), method="m")


def peaked(row: int, column: int, *, side: int = 16, width: float = 1.5) -> np.ndarray:
    y, x = np.mgrid[:side, :side]
    return np.exp(-((y - row) ** 2 + (x - column) ** 2) / (2 * width**2)) + 0.01


def tiled(values: np.ndarray, thumbnail: np.ndarray) -> Heatmap:
    """A (16, 16) map as four tiles of 8×8 cells, one after the other, and a thumbnail over all."""
    corners = [(0, 0), (80, 0), (0, 80), (80, 80)]
    boxes = [grid_boxes((8, 8), (x, y, x + 80, y + 80)) for x, y in corners]
    tiles = [values[y // 10 : y // 10 + 8, x // 10 : x // 10 + 8].ravel() for x, y in corners]
    cells = [*tiles, thumbnail.ravel()]
    return Heatmap.of_cells(
        np.concatenate(cells),
        np.concatenate([*boxes, grid_boxes(thumbnail.shape, (0, 0, 160, 160))]),
        method="m",
    )


def test_scale_is_a_number_of_its_own():
    found = map_distance(of(peaked(4, 9)), of(1.7 * peaked(4, 9)))
    assert found.scale_ratio == pytest.approx(1.7, rel=1e-5)
    rest = (found.pearson, found.smoothed_pearson, found.max_deviation, found.peak_displacement)
    assert rest == pytest.approx((1, 1, 0, 0), abs=1e-5)


def test_deviation_is_a_share_of_the_goldens_maximum():
    found = map_distance(of([2, 1, 1]), of([1, 1, 2]))
    assert found.max_deviation == pytest.approx(0.5)
    assert found.pearson == pytest.approx(-0.5)


def test_smoothing_averages_a_cell_with_those_around_it():
    spike = np.zeros((15, 15))
    spike[7, 7] = 1
    values = spike.reshape(1, -1)
    found = smoothed(values, cell_grids(of(spike).boxes)).reshape(15, 15)
    ratios = [found[7, 8], found[8, 8], found[5, 8]] / found[7, 7]
    assert ratios == pytest.approx([math.exp(-0.5), math.exp(-1), math.exp(-2.5)], rel=1e-3)
    assert found.sum() == pytest.approx(1, rel=1e-3)


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 9)])
def test_a_constant_map_stays_constant_up_to_its_borders(shape):
    values = np.full((1, shape[0] * shape[1]), 3.0)
    assert smoothed(values, cell_grids(of(values.reshape(shape)).boxes)) == pytest.approx(values)


def test_single_cells_of_noise_are_smoothed_away():
    noise = 0.05 * np.random.default_rng(0).random((16, 16))
    found = map_distance(of(peaked(4, 9)), of(peaked(4, 9) + noise))
    assert found.smoothed_pearson > found.pearson + 0.002


@pytest.mark.parametrize("tiles", [False, True])
def test_tiles_are_smoothed_as_the_one_grid_that_they_form(tiles):
    before, after = peaked(7, 8), peaked(8, 8)
    thumbnail = np.full((4, 4), 1e-9)
    a, b = (tiled(grid, thumbnail) if tiles else of(grid) for grid in (before, after))
    found = map_distance(a, b)
    plain = map_distance(of(before), of(after))
    assert found.peak_displacement == 1
    assert found.max_deviation == pytest.approx(plain.max_deviation, rel=1e-4)
    assert found.smoothed_pearson == pytest.approx(plain.smoothed_pearson, abs=0.01)


def test_a_thumbnail_is_no_neighbour_of_the_tiles_over_it():
    values = np.concatenate([np.zeros(256), np.ones(16)])[None]
    cells = tiled(np.zeros((16, 16)), np.ones((4, 4)))
    grids = cell_grids(cells.boxes, cells.media, cells.frame)
    assert smoothed(values, grids) == pytest.approx(values)


def test_the_first_pictures_border_does_not_touch_the_second():
    values = np.concatenate([np.zeros(16), np.ones(16)])[None]
    boxes = np.concatenate([grid_boxes((4, 4), (0, 0, 40, 40))] * 2)
    media = np.repeat(np.int32([0, 1]), 16)
    assert smoothed(values, cell_grids(boxes, media, 0 * media)) == pytest.approx(values)


@pytest.mark.parametrize(
    ("row", "column", "cells"), [(4, 9, 0), (4, 10, 1), (5, 10, math.sqrt(2)), (12, 3, 10)]
)
def test_the_peaks_distance_is_in_cells(row, column, cells):
    found = map_distance(of(peaked(4, 9)), of(peaked(row, column)))
    assert found.peak_displacement == pytest.approx(cells)


def test_width_and_height_of_a_cell_count_apart():
    start, right, down = (
        Heatmap.of_grid(peaked(*place), size=(320, 80), method="m")
        for place in ((4, 4), (4, 9), (9, 4))
    )
    assert map_distance(start, right).peak_displacement == pytest.approx(5)
    assert map_distance(start, down).peak_displacement == pytest.approx(5)


@pytest.mark.parametrize("scale", [0.995, 1, 1.005])
def test_of_two_peaks_that_are_nearly_equal_either_may_be_the_larger(scale):
    twins = of(peaked(3, 3) + peaked(12, 12))
    other = of(scale * peaked(3, 3) + peaked(12, 12))
    assert map_distance(twins, other).peak_displacement == 0
    assert map_distance(other, twins).peak_displacement == 0


def test_a_peak_where_the_golden_nearly_has_one_is_not_displaced():
    golden = of(peaked(3, 3) + 0.99 * peaked(12, 12))
    other = of(0.8 * peaked(3, 3) + peaked(12, 12))
    assert map_distance(golden, other).peak_displacement == 0
    assert map_distance(other, golden).peak_displacement == 0


def test_a_peak_that_became_the_smaller_one_is_displaced():
    before = of(peaked(3, 3) + 0.8 * peaked(12, 12))
    after = of(0.8 * peaked(3, 3) + peaked(12, 12))
    assert map_distance(before, after).peak_displacement == pytest.approx(math.hypot(9, 9))


def test_a_plateau_is_a_peak_everywhere():
    plateau = peaked(8, 8)
    plateau[4:12, 4:12] = 2
    assert map_distance(of(plateau), of(plateau + 0.2 * peaked(5, 10))).peak_displacement == 0


def test_a_hot_cell_alone_displaces_no_peak_but_deviates():
    golden = peaked(4, 9, width=2.5)
    hot = golden.copy()
    hot[12, 2] = 0.9 * golden.max()
    found = map_distance(of(golden), of(hot))
    assert found.peak_displacement == 0
    assert found.max_deviation > 0.5


def test_peaks_in_two_pictures_are_infinitely_far_apart():
    boxes = np.concatenate([grid_boxes((16, 16), (0, 0, 160, 160))] * 2)
    flat = np.full(256, 0.01)
    first, second = (
        Heatmap.of_cells(np.concatenate(both), boxes, method="m", media=np.repeat([0, 1], 256))
        for both in ((peaked(3, 3).ravel(), flat), (flat, peaked(3, 3).ravel()))
    )
    assert map_distance(first, second).peak_displacement == math.inf


@pytest.mark.parametrize("grid", [np.zeros((4, 4)), peaked(4, 9)])
def test_equal_maps_are_equal_even_without_mass(grid):
    assert astuple(map_distance(of(grid), of(grid.copy()))) == SAME


@pytest.mark.parametrize("n", [3, 7, 10, 49, 1000])
@pytest.mark.parametrize(("one", "other"), [(0.1, 0.2), (0.3, 0.7), (1, 3)])
def test_two_constant_maps_have_one_shape(n, one, other):
    found = map_distance(of(np.full(n, one)), of(np.full(n, other)))
    assert astuple(found)[:4] == pytest.approx(SAME[:4], abs=1e-6)
    assert found.scale_ratio == pytest.approx(other / one, rel=1e-5)


@pytest.mark.parametrize(
    ("golden", "other", "scale"), [([1, 2], [0, 0], 0), ([0, 0], [1, 2], math.inf)]
)
def test_a_map_without_mass_is_like_no_other(golden, other, scale):
    found = map_distance(of(golden), of(other))
    assert astuple(found) == (0, 0, math.inf, math.inf, scale)


@pytest.mark.parametrize("value", [0.1, 1, 1 / 3, 7e4])
@pytest.mark.parametrize("side", [16, 13, 7])
def test_a_constant_map_shares_no_shape_with_a_peaked_one(value, side):
    maps = of(np.full((side, side), value)), of(peaked(4, 5, side=side))
    for found in (map_distance(*maps), map_distance(*maps[::-1])):
        assert (found.pearson, found.smoothed_pearson) == (0, 0)


def test_the_distance_is_of_values_not_of_the_order_of_cells():
    before, after = of(peaked(4, 9)), of(peaked(5, 8) + 0.1)
    order = np.random.default_rng(1).permutation(256)
    mixed = [
        replace(one, values=one.values[order], boxes=one.boxes[order]) for one in (before, after)
    ]
    assert astuple(map_distance(*mixed)) == pytest.approx(
        astuple(map_distance(before, after)), rel=1e-5
    )


def test_cells_that_lie_about_are_compared_without_neighbours():
    places = np.random.default_rng(0).random((40, 2)).astype(np.float32) * 10_000
    random = np.random.default_rng(1).random((2, 40))
    boxes = np.concatenate([places, places + 1], axis=1)
    found = map_distance(*(Heatmap.of_cells(v, boxes, method="m") for v in random))
    assert found.smoothed_pearson == pytest.approx(found.pearson)


def test_maps_of_other_cells_have_no_distance():
    with pytest.raises(ValueError, match="256 and 64 cells cannot be compared"):
        map_distance(of(peaked(4, 9)), of(peaked(4, 3, side=8)))
