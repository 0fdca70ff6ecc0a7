"""Sign flips and the bootstrap, against scipy and by simulation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import permutation_test

from pytest_vlm.errors import StatisticsError
from pytest_vlm.stats import compare
from pytest_vlm.stats.resampling import sign_flip_p


@pytest.mark.parametrize("n", [5, 8, 30, 201])
def test_sign_flips_as_scipy_has_them(n):
    rng = np.random.default_rng(n)
    values = rng.normal(0.3, 1, size=n)
    below, above = sign_flip_p(values, rng, 9999)
    for alternative, found in (("less", below), ("greater", above)):
        expected = permutation_test(
            (values,),
            lambda x, axis: x.mean(axis=axis),
            permutation_type="samples",
            vectorized=True,
            n_resamples=9999,
            alternative=alternative,
            rng=np.random.default_rng(1),
        ).pvalue
        assert found == pytest.approx(expected, abs=0.02)


def test_ties_count_as_extreme():
    """All equal: half of all signs make each side as extreme, and all of them a sum of nothing."""
    assert sign_flip_p(np.zeros(10), np.random.default_rng(0)) == (1, 1)
    below, above = sign_flip_p(np.ones(4), np.random.default_rng(0))
    assert below == 1
    assert above == pytest.approx(1 / 16, abs=0.01)


def test_errs_in_one_of_twenty():
    rng = np.random.default_rng(2)
    wrong = sum(sign_flip_p(rng.standard_t(3, size=40), rng, 399)[1] <= 0.05 for _ in range(1000))
    assert 30 <= wrong <= 70


def test_clusters_are_flipped_as_a_whole():
    """Ten questions an image that all change together: no more evidence than one."""
    rng = np.random.default_rng(3)
    images = np.repeat(np.arange(30), 10)
    shift = np.repeat(rng.normal(size=30), 10)
    before = np.full(300, 0.5)
    sides = {"baseline": before, "candidate": np.clip(before + shift / 20, 0, 1)}
    claim = {"claim": "better", "kind": "bounded", "method": "permutation"}
    alone = compare(**sides, **claim)
    together = compare(**sides, **claim, clusters=images.tolist())
    assert abs(together.p_value - 0.5) < abs(alone.p_value - 0.5)
    assert together.method.startswith("sign-flip permutation")


def test_the_seed_decides_what_is_drawn():
    rng = np.random.default_rng(4)
    sides = {"baseline": rng.uniform(size=60), "candidate": rng.uniform(size=60)}
    claim = {"claim": "better", "kind": "bounded", "method": "permutation"}
    first, again, other = (compare(**sides, **claim, rng=seed).p_value for seed in (1, 1, 2))
    assert first == again != other


def test_bca_interval_of_a_skewed_mean_is_not_symmetric():
    rng = np.random.default_rng(5)
    before = np.full(200, 0.2)
    after = np.clip(before + rng.exponential(0.1, size=200), 0, 1)
    claim = {"claim": "not_worse", "margin": 0.05, "kind": "bounded"}
    plain = compare(baseline=before, candidate=after, **claim)
    drawn = compare(baseline=before, candidate=after, **claim, method="bca")
    low, high = drawn.ci
    assert high - drawn.estimate > drawn.estimate - low
    assert drawn.method.endswith("BCa interval")
    assert (drawn.p_value, drawn.verdict) == (plain.p_value, plain.verdict)


def test_bca_of_a_ratio_is_a_ratio():
    rng = np.random.default_rng(6)
    before = rng.uniform(1, 2, size=50)
    after = before * rng.uniform(1.0, 1.2, size=50)
    claim = {"claim": "not_worse", "margin": 0.2, "kind": "positive", "better": "lower"}
    result = compare(baseline=before, candidate=after, **claim, method="bca")
    assert 1 < result.ci[0] < result.estimate < result.ci[1] < 1.2


def test_bca_without_any_spread_is_the_usual_interval():
    same = {"baseline": [0.5] * 80, "candidate": [0.5] * 80, "kind": "bounded", "margin": 0.1}
    results = [compare(**same, claim="not_worse", method=method) for method in ("auto", "bca")]
    assert results[0].ci == results[1].ci


@pytest.mark.parametrize(
    ("kind", "method"),
    [("binary", "bca"), ("binary", "permutation"), ("bounded", "exact"), ("positive", "betting")],
)
def test_refuses_methods_that_a_kind_does_not_have(kind, method):
    with pytest.raises(StatisticsError, match=f"unknown method '{method}' for a {kind} score"):
        compare(baseline=[1, 1], candidate=[1, 1], claim="better", kind=kind, method=method)


@pytest.mark.parametrize("method", ["permutation", "bca"])
@pytest.mark.parametrize("clustered", [False, True])
def test_one_seed_gives_one_result_in_any_order(method, clustered):
    rng = np.random.default_rng(11)
    before, after = rng.choice([0, 0.2, 0.5, 0.9, 1], size=(2, 45))
    images = rng.integers(0, 20, size=45) if clustered else np.arange(45)
    place = rng.permutation(45)
    claim = {"claim": "not_worse", "margin": 0.1, "kind": "bounded", "method": method}
    one = compare(baseline=before, candidate=after, clusters=images.tolist(), **claim)
    other = compare(
        baseline=before[place], candidate=after[place], clusters=images[place].tolist(), **claim
    )
    assert other.p_value == one.p_value
    assert other.ci == pytest.approx(one.ci, abs=1e-12)


@pytest.mark.parametrize("method", ["permutation", "bca"])
def test_exchanging_the_sides_mirrors_what_is_drawn(method):
    rng = np.random.default_rng(12)
    before, after = rng.uniform(size=(2, 45))
    given = {"kind": "bounded", "method": method, "claim": "no_regression", "mde": 0.1}
    lost = compare(baseline=before, candidate=after, **given)
    won = compare(
        baseline=after, candidate=before, **{**given, "claim": "better", "margin": 0, "mde": None}
    )
    assert won.p_value == lost.p_value
    assert [-edge for edge in reversed(won.ci)] == pytest.approx(lost.ci, abs=1e-12)
