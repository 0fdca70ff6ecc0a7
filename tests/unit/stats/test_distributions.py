"""The standard library's tails are scipy's."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special, stats

from pytest_vlm.stats.distributions import (
    fair_probability,
    fair_tail,
    incomplete_beta,
    normal_quantile,
    normal_tail,
    root,
    root_of_few,
    student_quantile,
    student_tail,
)

tails = st.floats(1e-6, 0.4999)


@given(st.floats(-30, 30))
def test_normal_tail(z):
    assert normal_tail(z) == pytest.approx(stats.norm.sf(z), rel=1e-10, abs=1e-300)


@given(tails)
def test_normal_quantile(tail):
    assert normal_quantile(tail) == pytest.approx(stats.norm.isf(tail), rel=1e-9)


@given(st.floats(-40, 40), st.floats(1, 1e6))
def test_student_tail(t, df):
    assert student_tail(t, df) == pytest.approx(stats.t.sf(t, df), rel=1e-6, abs=1e-12)


@pytest.mark.parametrize("t", [1e-12, 1e-8, 1e-5, -1e-5, 1e-3])
@pytest.mark.parametrize("df", [1, 4.5, 1e3, 1e6])
def test_student_tail_close_to_one_half(t, df):
    assert student_tail(t, df) == pytest.approx(stats.t.sf(t, df), rel=1e-8)


@pytest.mark.parametrize("t", [math.inf, -math.inf])
def test_student_tail_of_a_constant_difference(t):
    assert student_tail(t, 5) == (0.0 if t > 0 else 1.0)


@given(tails, st.floats(1, 1e5))
def test_student_quantile(tail, df):
    assert student_quantile(tail, df) == pytest.approx(stats.t.isf(tail, df), rel=1e-6, abs=1e-9)


@given(st.integers(1, 20_000), st.floats(0, 1))
def test_binomial(n, share):
    k = round(share * n)
    assert fair_tail(k, n) == pytest.approx(stats.binom.sf(k, n, 0.5), rel=1e-6, abs=1e-12)
    assert fair_probability(k, n) == pytest.approx(stats.binom.pmf(k, n, 0.5), rel=1e-6, abs=1e-12)


@given(st.floats(0.1, 1e4), st.floats(0.1, 1e4), st.floats(0, 1))
def test_incomplete_beta(a, b, x):
    assert incomplete_beta(a, b, x, 1 - x) == pytest.approx(
        special.betainc(a, b, x), rel=1e-6, abs=1e-12
    )


def test_where_the_fraction_changes_sides():
    """Rounding puts both x and 1 - x above the place where the other one converges faster."""
    t, df = 1.723743561562656, 207
    assert student_tail(t, df) == pytest.approx(stats.t.sf(t, df), rel=1e-10)


def test_a_million_pairs():
    assert fair_tail(500_800, 1_000_000) == pytest.approx(
        stats.binom.sf(500_800, 1_000_000, 0.5), rel=1e-6
    )


@given(st.floats(-5, 5))
def test_root(where):
    assert root(lambda x: x - where, -6, 6) == pytest.approx(where, abs=1e-14)


@pytest.mark.parametrize("where", [-0.999, -0.3, 0.0, 1e-9, 0.7, 0.99999])
@pytest.mark.parametrize("steep", [1e-3, 1.0, 1e6])
def test_a_root_of_few_evaluations(where, steep):
    asked = []

    def function(x):
        asked.append(x)
        return min(max(steep * (x - where) ** 3, -3.0), 3.0)

    found = root_of_few(function, -1.0, 1.0, 1e-6)
    assert function(found) < 0
    assert where - 1e-6 <= found < where
    assert len(asked) < 60


def test_a_root_at_the_end_is_the_end():
    assert root_of_few(lambda x: x + 2, -1.0, 1.0, 1e-6) == -1
    assert root_of_few(lambda x: x - 2, -1.0, 1.0, 1e-6) == 1
