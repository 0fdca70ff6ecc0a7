"""Tango's score: published numbers, an independent likelihood, the interval as inversion."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from scipy.optimize import minimize_scalar
from scipy.stats import multinomial, norm

from pytest_vlm.stats.tango import tango_interval, tango_z

GRID = [
    (b, c, n) for n in (1, 7, 60, 500) for b in (0, 1, 5, 40) for c in (0, 1, 5, 40) if b + c <= n
]


@pytest.mark.parametrize(("b", "c", "n", "p"), [(0, 0, 50, 0.052379), (10, 10, 200, 0.019115)])
def test_p_of_not_worse_by_five_points(b, c, n, p):
    assert norm.sf(tango_z(b, c, n, -0.05)) == pytest.approx(p, rel=5e-5)


def test_interval_of_the_published_example():
    low, high = tango_interval(20, 40, 160, norm.isf(0.025))
    assert (low, high) == pytest.approx((0.03086, 0.21806), abs=5e-6)


@pytest.mark.parametrize(("b", "c", "n"), [(3, 9, 40), (10, 10, 200), (1, 0, 30), (40, 5, 100)])
@pytest.mark.parametrize("delta", [-0.3, -0.05, 0.02, 0.4])
def test_variance_is_that_of_the_constrained_maximum_likelihood(b, c, n, delta):
    def unlikely(q: float) -> float:  # q = P(only the baseline is right), q + delta the other
        cells = ((b, q), (c, q + delta), (n - b - c, 1 - 2 * q - delta))
        return -sum(count * math.log(max(p, 1e-300)) for count, p in cells if count)

    bounds = (max(0.0, -delta), (1 - delta) / 2)
    q = minimize_scalar(unlikely, bounds=bounds, method="bounded", options={"xatol": 1e-10}).x
    expected = (c - b - n * delta) / math.sqrt(n * (2 * q + delta * (1 - delta)))
    assert tango_z(b, c, n, delta) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(("b", "c", "n"), GRID)
@pytest.mark.parametrize("alpha", [0.005, 0.05, 0.2])
def test_interval_ends_where_the_test_starts_to_reject(b, c, n, alpha):
    critical = norm.isf(alpha)
    low, high = tango_interval(b, c, n, critical)
    assert -1 <= low <= (c - b) / n <= high <= 1
    if low > -1:
        assert tango_z(b, c, n, low) == pytest.approx(critical, abs=1e-4)
    if high < 1:
        assert tango_z(b, c, n, high) == pytest.approx(-critical, abs=1e-4)


@pytest.mark.parametrize(("b", "c", "n"), GRID)
def test_z_falls_as_the_hypothesis_rises(b, c, n):
    z = [tango_z(b, c, n, delta / 50) for delta in range(-49, 50)]
    assert all(higher >= lower for higher, lower in pairwise(z))


def test_z_without_any_discordance_is_zero_at_no_difference():
    assert tango_z(0, 0, 100, 0.0) == 0.0


def rejection_rate(n: int, discordant: float, difference: float, margin: float) -> float:
    """Exact probability that "not worse by margin" passes, over every possible outcome."""
    only_a, only_b = (discordant - difference) / 2, (discordant + difference) / 2
    law = multinomial(n, [only_a, only_b, 1 - only_a - only_b])
    reach = math.ceil(n * discordant + 6 * math.sqrt(n * discordant))
    cells = [(b, c) for b in range(reach + 1) for c in range(min(reach, n) + 1 - b)]
    chances = law.pmf([(b, c, n - b - c) for b, c in cells])
    assert chances.sum() == pytest.approx(1, abs=1e-6)
    return sum(
        float(chance)
        for (b, c), chance in zip(cells, chances, strict=True)
        if norm.isf(0.05) <= tango_z(b, c, n, -margin)
    )


@pytest.mark.parametrize(
    ("n", "discordant"), [(200, 0.05), (500, 0.05), (200, 0.15), (500, 0.15), (100, 0.30)]
)
def test_a_candidate_exactly_at_the_margin_passes_at_most_as_often_as_promised(n, discordant):
    assert rejection_rate(n, discordant, -0.05, 0.05) <= 0.058


def test_power_for_an_equal_candidate():
    assert rejection_rate(200, 0.10, 0.0, 0.05) == pytest.approx(0.70, abs=0.02)
