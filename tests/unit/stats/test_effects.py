"""Effect sizes against their definitions and against scipy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest

from pytest_vlm.stats import compare
from pytest_vlm.stats.effects import cliffs_delta, odds_ratio_interval


def test_cliffs_delta_counts_all_pairings():
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 5, size=40).astype(float), rng.integers(1, 6, size=40).astype(float)
    assert cliffs_delta(a, b) == pytest.approx(np.sign(b[:, None] - a[None, :]).mean())
    assert cliffs_delta(b, a) == pytest.approx(-cliffs_delta(a, b))
    assert cliffs_delta(a, a) == 0


@pytest.mark.parametrize(("b", "c"), [(3, 10), (0, 4), (4, 0), (0, 0), (40, 41)])
def test_odds_ratio_is_that_of_clopper_and_pearson(b, c):
    low, high = odds_ratio_interval(b, c, 0.95)
    if b + c == 0:
        assert (low, high) == (0, None)
        return
    exact = binomtest(c, b + c).proportion_ci(0.95)
    assert low == pytest.approx(exact.low / (1 - exact.low), abs=1e-9)
    assert high is None if exact.high == 1 else high == pytest.approx(exact.high / (1 - exact.high))


def test_a_result_carries_them(paired):
    result = compare(**paired(b=10, c=30, both=100, neither=60), claim="better")
    differences = np.repeat([-1, 1, 0], [10, 30, 160])
    assert result.cohens_dz == pytest.approx(differences.mean() / differences.std(ddof=1))
    assert result.cliffs_delta == result.risk_difference == pytest.approx(0.1)
    assert (result.odds_ratio, result.odds_ratio_ci) == (3, odds_ratio_interval(10, 30, 0.9))


def test_less_is_better_turns_the_direction():
    before, after = np.arange(1.0, 41.0), np.arange(1.0, 41.0) - 0.5
    claim = {"claim": "better", "kind": "positive", "better": "lower"}
    result = compare(baseline=before, candidate=after, **claim)
    assert result.cliffs_delta > 0
    assert result.cohens_dz > 0
