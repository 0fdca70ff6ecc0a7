"""Whether a map is still the accepted one."""

from __future__ import annotations

import numpy as np
import pytest

from pytest_vlm.golden.comparison import Tolerance, compare_maps
from pytest_vlm.heatmap.heatmap import Heatmap

VALUES = np.exp(-((np.mgrid[:16, :16] - 6) ** 2).sum(axis=0) / 9)


def grid(values=VALUES, *, size=(64, 64), method="attention", media=0) -> Heatmap:
    return Heatmap.of_grid(values, size=size, method=method, media=media)


def hot(share: float) -> np.ndarray:
    values = VALUES.copy()
    values[15, 15] = share * values.max()
    return values


def test_the_same_map_matches():
    found = compare_maps(grid(), grid())
    assert found.problem == ""
    assert found.distance is not None
    assert found.distance.pearson == 1


def test_a_rounded_map_matches():
    rounded = VALUES.astype(np.float16)
    assert not np.array_equal(rounded, VALUES)
    assert compare_maps(grid(), grid(rounded)).problem == ""


def test_another_scale_matches_and_is_told():
    found = compare_maps(grid(), grid(1.7 * VALUES))
    assert found.problem == ""
    assert found.distance is not None
    assert found.distance.scale_ratio == pytest.approx(1.7, rel=1e-5)


def test_a_shift_by_one_cell_does_not_match():
    found = compare_maps(grid(), grid(np.roll(VALUES, 1, axis=1)))
    assert found.problem.startswith("correlation 0.9")
    assert found.problem.endswith("at least 0.994 is needed")


def test_one_hot_cell_does_not_match():
    lenient = Tolerance(pearson=0.5)
    found = compare_maps(grid(), grid(hot(0.9)), lenient)
    assert found.problem.startswith("one cell deviates by 0.")
    assert "at most 0.3 is allowed" in found.problem
    assert compare_maps(grid(), grid(hot(0.9))).problem


@pytest.mark.parametrize(
    ("tolerance", "matches"),
    [(Tolerance(pearson=0.5, max_deviation=1.0), True), (Tolerance(pearson=0.5), False)],
)
def test_the_tolerance_decides(tolerance, matches):
    assert (compare_maps(grid(), grid(hot(0.9)), tolerance).problem == "") == matches


def test_another_method_never_matches():
    found = compare_maps(grid(), grid(method="gradient"))
    assert found.distance is None
    assert found.problem == "the golden was made by 'attention', this map by 'gradient'"


@pytest.mark.parametrize(
    "other",
    [grid(np.ones((8, 8))), grid(size=(128, 128)), grid(media=1), grid(VALUES.T, size=(64, 32))],
    ids=["fewer", "larger", "another picture", "another shape"],
)
def test_other_cells_never_match(other):
    found = compare_maps(grid(), other)
    assert found.distance is None
    assert "the maps do not have the same cells" in found.problem
    assert f"256 cells in the golden, {other.values.size} in this map" in found.problem


def test_a_map_that_lost_its_mass_does_not_match():
    assert compare_maps(grid(), grid(np.zeros((16, 16)))).problem
