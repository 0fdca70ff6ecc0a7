"""Adjusted p values, against scipy's and by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import false_discovery_control

from pytest_vlm.stats.multiplicity import benjamini_hochberg, bonferroni, holm

P = (0.01, 0.04, 0.03, 0.005, 0.9)


def test_bonferroni():
    assert bonferroni(0.01, 5) == 0.05
    assert bonferroni(0.4, 5) == 1


def test_holm_by_hand():
    assert holm(P) == pytest.approx((0.04, 0.09, 0.09, 0.025, 0.9))
    assert holm(()) == ()


def test_holm_rejects_all_that_bonferroni_does():
    rng = np.random.default_rng(0)
    for _ in range(100):
        p = rng.uniform(size=8) ** 3
        adjusted = zip(holm(p), (bonferroni(one, 8) for one in p), strict=True)
        assert all(one <= other for one, other in adjusted)


@pytest.mark.parametrize("seed", range(5))
def test_benjamini_hochberg_as_scipy_has_it(seed):
    p = np.random.default_rng(seed).uniform(size=20) ** 2
    assert benjamini_hochberg(p.tolist()) == pytest.approx(false_discovery_control(p))


def test_a_family_of_equal_checkpoints_errs_once_in_twenty():
    """Uncorrected, one of five tests errs in 23 % of the runs, one of twenty in 64 %."""
    rng = np.random.default_rng(1)
    for size, uncorrected in ((5, 0.23), (20, 0.64)):
        drawn = rng.uniform(size=(2000, size))
        assert np.mean(drawn.min(axis=1) <= 0.05) == pytest.approx(uncorrected, abs=0.03)
        assert np.mean([min(holm(row)) <= 0.05 for row in drawn]) <= 0.065
