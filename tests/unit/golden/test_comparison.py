"""Whether a map is still the accepted one."""

from __future__ import annotations

import numpy as np
import pytest

from pytest_vlm.golden.comparison import compare_maps, identical
from pytest_vlm.golden.tolerance import TOLERANT, Tolerance
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
    assert found == identical()
    assert found.problem == ""
    assert found.distance is not None
    assert found.distance.pearson == 1
    assert found.sentence == (
        "The accepted map: Pearson 1.0000 (limit 0.994), largest deviation 0.0000 (limit 0.3)."
    )


def test_a_rounded_map_matches():
    rounded = VALUES.astype(np.float16)
    assert not np.array_equal(rounded, VALUES)
    assert compare_maps(grid(), grid(rounded)).problem == ""


def test_another_scale_matches_and_is_told_and_can_be_gated():
    found = compare_maps(grid(), grid(1.7 * VALUES))
    assert found.problem == ""
    assert found.distance is not None
    assert found.distance.scale_ratio == pytest.approx(1.7, rel=1e-5)
    gated = compare_maps(grid(), grid(1.7 * VALUES), Tolerance(scale_ratio=1.5))
    assert gated.problem == "scale ratio 1.7000 (limit 1.5)"


def test_a_shift_by_one_cell_does_not_match():
    found = compare_maps(grid(), grid(np.roll(VALUES, 1, axis=1)))
    assert found.problem.startswith("Pearson 0.9")
    assert found.problem.endswith("(limit 0.994)")
    assert found.sentence == f"Not the accepted map: {found.problem}."


def test_one_hot_cell_does_not_match():
    for tolerance in (Tolerance(), TOLERANT, Tolerance(pearson=0.5, max_deviation=0.3)):
        assert compare_maps(grid(), grid(hot(0.9)), tolerance).problem
    assert "largest deviation" in compare_maps(grid(), grid(hot(0.9)), TOLERANT).problem


@pytest.mark.parametrize(
    ("tolerance", "matches"),
    [(Tolerance(pearson=0.5, max_deviation=1.0), True), (Tolerance(pearson=0.9999), False)],
)
def test_the_tolerance_decides(tolerance, matches):
    assert (compare_maps(grid(), grid(hot(0.05)), tolerance).problem == "") == matches


def test_every_limit_that_does_not_hold_is_named():
    both = Tolerance(pearson=0.999, max_deviation=0.01)
    problem = compare_maps(grid(), grid(hot(0.9)), both).problem
    assert "Pearson" in problem
    assert "largest deviation" in problem


def test_another_method_never_matches():
    found = compare_maps(grid(), grid(method="gradient"))
    assert found.distance is None
    assert found.problem.startswith("the golden was made by 'attention', this map by 'gradient'")
    assert "method='attention'" in found.problem


@pytest.mark.parametrize(
    "other",
    [grid(np.ones((8, 8))), grid(size=(128, 128)), grid(media=1), grid(VALUES.T, size=(64, 32))],
    ids=["fewer", "larger", "another picture", "another shape"],
)
def test_other_cells_never_match(other):
    found = compare_maps(grid(), other)
    assert found.distance is None
    assert "the maps do not have the same cells (256 cells (16 × 16, to 64, 64)" in found.problem
    assert f"{other.values.size} cells" in found.problem


def test_a_map_that_lost_its_mass_does_not_match():
    assert compare_maps(grid(), grid(np.zeros((16, 16)))).problem


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_map_that_is_not_finite_says_so(value):
    other = grid(VALUES.copy())
    other.values[3] = value  # a map refuses it when it is made, but arrays can be written to
    found = compare_maps(grid(), other)
    assert found.problem.startswith("1 of 256 cells are not finite")
    assert "?dtype=float32" in found.problem


def test_a_comparison_that_matches_is_nearer_than_any_that_does_not():
    tight = Tolerance(pearson=0.99999999, max_deviation=9)
    matching = compare_maps(grid(), grid(hot(0.9)), Tolerance(pearson=0, max_deviation=9))
    found = [
        compare_maps(grid(), grid(method="gradient")),
        compare_maps(grid(), grid(hot(0.9)), tight),
        compare_maps(grid(), grid(hot(0.01)), tight),
        matching,
    ]
    assert sorted(found, key=lambda one: one.nearness) == found
