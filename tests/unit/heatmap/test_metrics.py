"""Distances tell a harmless change from a harmful one; no single number sees every kind."""

from __future__ import annotations

import numpy as np
import pytest

from pytest_vlm.heatmap.metrics import map_distance

SEEDS = range(20)


def four_gaussians(seed: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:32, :32]
    grid = np.zeros((32, 32))
    for _ in range(4):
        (cx, cy), width, height = random.uniform(3, 29, 2), random.uniform(1.5, 4), random.random()
        grid += (0.2 + height) * np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / (2 * width**2))
    return grid.astype(np.float32)


def as_bfloat16(grid: np.ndarray) -> np.ndarray:
    bits = grid.view(np.uint32)
    rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) & 0xFFFF0000
    return rounded.astype(np.uint32).view(np.float32)


def hot_cell(grid: np.ndarray, share: float) -> np.ndarray:
    changed = grid.copy()
    changed[np.unravel_index(grid.argmin(), grid.shape)] = share * grid.max()
    return changed


def distance(golden: np.ndarray, other: np.ndarray):
    return map_distance(golden.ravel(), other.ravel())


@pytest.mark.parametrize("seed", SEEDS)
def test_rounding_to_bfloat16_is_harmless(seed):
    grid = four_gaussians(seed)
    found = distance(grid, as_bfloat16(grid))
    assert not np.array_equal(grid, as_bfloat16(grid))
    assert found.pearson > 0.9999
    assert found.max_deviation < 0.01


@pytest.mark.parametrize("seed", SEEDS)
def test_a_shift_by_one_cell_loses_correlation(seed):
    grid = four_gaussians(seed)
    assert distance(grid, np.roll(grid, 1, axis=1)).pearson < 0.994


@pytest.mark.parametrize("seed", SEEDS)
def test_a_small_hot_cell_is_seen_by_the_deviation(seed):
    grid = four_gaussians(seed)
    assert distance(grid, hot_cell(grid, 0.9)).max_deviation > 0.5


@pytest.mark.parametrize("seed", SEEDS)
def test_scale_is_a_number_of_its_own(seed):
    grid = four_gaussians(seed)
    found = distance(grid, grid * np.float32(1.7))
    assert found.pearson == pytest.approx(1)
    assert found.max_deviation == pytest.approx(0, abs=1e-5)
    assert found.scale_ratio == pytest.approx(1.7, rel=1e-5)


def test_deviation_is_a_share_of_the_goldens_maximum():
    found = map_distance(np.float32([2, 1, 1]), np.float32([1, 1, 2]))
    assert found.max_deviation == pytest.approx(0.5)
    assert found.pearson == pytest.approx(-0.5)


def test_equal_maps_are_equal_even_without_mass():
    for grid in (np.zeros(4, np.float32), four_gaussians(0).ravel()):
        found = map_distance(grid, grid.copy())
        assert (found.pearson, found.max_deviation, found.scale_ratio) == (1, 0, 1)


@pytest.mark.parametrize("n", [3, 7, 10, 49, 1000])
@pytest.mark.parametrize(("one", "other"), [(0.1, 0.2), (0.3, 0.7), (1, 3)])
def test_two_constant_maps_have_one_shape(n, one, other):
    found = map_distance(np.full(n, one, np.float32), np.full(n, other, np.float32))
    assert found.pearson == pytest.approx(1)


@pytest.mark.parametrize("empty", ["golden", "other"])
def test_a_map_without_mass_is_like_no_other(empty):
    maps = {"golden": np.float32([1, 2]), "other": np.float32([1, 2]), empty: np.zeros(2, "f4")}
    found = map_distance(**maps)
    assert (found.pearson, found.max_deviation) == (0, np.inf)


def test_a_constant_map_shares_no_shape_with_a_peaked_one():
    grid = four_gaussians(3)
    assert distance(np.ones_like(grid), grid).pearson == pytest.approx(0, abs=1e-6)
