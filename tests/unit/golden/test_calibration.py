"""How much maps differ from run to run, and which tolerance leaves room for that."""

from __future__ import annotations

import numpy as np
import pytest

from pytest_vlm.errors import GoldenError
from pytest_vlm.golden.calibration import Calibration
from pytest_vlm.golden.comparison import compare_maps
from pytest_vlm.golden.tolerance import STRICT, TOLERANT
from pytest_vlm.heatmap.heatmap import Heatmap

GENERATOR = np.random.default_rng(1)
VALUES = np.exp(-((np.mgrid[:16, :16] - 6) ** 2).sum(axis=0) / 9)


def noisy(share: float, runs: int = 5) -> list[Heatmap]:
    """With noise of a share of the maximum."""
    drawn = (np.abs(VALUES + share * GENERATOR.normal(size=VALUES.shape)) for _ in range(runs))
    return [Heatmap.of_grid(one, size=(64, 64), method="attention") for one in drawn]


def test_no_noise_leaves_the_default_as_it_is():
    found = Calibration.of(noisy(0.0))
    assert found.proposed == STRICT
    assert found.worst.pearson == 1
    assert 'tolerance="strict"' in found.sentence
    assert found.sentence.startswith("Calibrated over 5 runs, not checked")


def test_noise_of_single_cells_asks_for_the_tolerant_one():
    found = Calibration.of(noisy(0.02))
    assert found.proposed == TOLERANT
    assert 'tolerance="tolerant"' in found.sentence


def flickering(runs: int = 5) -> list[Heatmap]:
    """With one cell that is sometimes hot."""
    maps = noisy(0.0, runs)
    for number, heatmap in enumerate(maps):
        heatmap.values[-1] = 0.3 * (number % 2)
    return maps


def test_another_noise_asks_for_limits_of_its_own_with_headroom():
    maps = flickering()
    found = Calibration.of(maps)
    assert found.proposed is not None
    assert found.proposed not in (STRICT, TOLERANT)
    assert f"Tolerance(pearson={found.proposed.pearson:g}" in found.sentence
    assert 1 - found.proposed.pearson == pytest.approx(2.25 * (1 - found.worst.pearson), abs=1e-3)
    assert not any(compare_maps(maps[0], one, found.proposed).problem for one in maps)
    shifted = Heatmap.of_grid(np.roll(VALUES, 1, axis=1), size=(64, 64), method="attention")
    assert compare_maps(maps[0], shifted, found.proposed).problem


def test_noise_as_large_as_a_regression_gets_no_tolerance():
    found = Calibration.of(noisy(0.3))
    assert found.proposed is None
    assert "no tolerance can tell; compute in float32" in found.sentence


def test_the_table_has_every_number_with_its_limit_and_the_goldens():
    maps = noisy(0.02)
    found = Calibration.of(maps, noisy(0.0, runs=1))
    lines = str(found).splitlines()
    assert lines[0] == found.sentence
    assert len(lines) == 7
    assert f"{found.worst.smoothed_pearson:.7f}" in str(found)
    assert found.golden is not None
    assert found.golden.pearson != found.worst.pearson
    assert f"{found.golden.pearson:.7f}" in str(found)
    assert [measure.limit for measure in found.measures[:2]] == [0.99, 0.3]


def test_a_golden_that_cannot_be_compared_is_left_out():
    other = Heatmap.of_grid(np.ones((2, 2)), size=(64, 64), method="attention")
    assert Calibration.of(noisy(0.0), [other]).golden is None


def test_one_run_has_no_noise():
    with pytest.raises(GoldenError, match="it takes at least 2"):
        Calibration.of(noisy(0.0, runs=1))


def test_runs_with_other_cells_are_said():
    other = Heatmap.of_grid(np.ones((2, 2)), size=(64, 64), method="attention")
    with pytest.raises(GoldenError, match="two runs made maps that cannot be compared"):
        Calibration.of([*noisy(0.0), other])
