"""Bounded scores: the paired t test, and what it must not be too sure of."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import ttest_rel

from pytest_vlm.errors import StatisticsError
from pytest_vlm.stats import compare

NOT_WORSE = {"claim": "not_worse", "margin": 0.05, "kind": "bounded"}


def smooth(n: int, shift: float = 0.0, seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    before = rng.uniform(0.3, 0.7, n)
    return {"baseline": before, "candidate": before + shift + rng.uniform(-0.1, 0.1, n)}


def test_for_many_pairs_it_is_the_paired_t_test():
    data = smooth(40_000, 0.001)
    result = compare(**data, claim="better", kind="bounded")
    reference = ttest_rel(data["candidate"], data["baseline"], alternative="greater")
    assert result.statistic == pytest.approx(reference.statistic, rel=0.02)
    assert result.method == "paired t"


def test_the_standard_error_is_that_of_the_pairs_and_three_unseen_ones():
    data = smooth(100)
    difference = data["candidate"] - data["baseline"]
    error = np.sqrt(difference.var(ddof=1) / 100 + 3 / 100**2)
    result = compare(**data, **NOT_WORSE)
    assert result.statistic == pytest.approx((difference.mean() + 0.05) / error, rel=0.01)
    assert result.cohens_dz == pytest.approx(difference.mean() / difference.std(ddof=1))


@pytest.mark.parametrize(
    ("shift", "claim", "verdict"),
    [
        (0.0, {"claim": "not_worse", "margin": 0.05}, "pass"),
        (-0.1, {"claim": "not_worse", "margin": 0.05}, "fail"),
        (-0.05, {"claim": "not_worse", "margin": 0.05}, "inconclusive"),
        (0.1, {"claim": "better"}, "pass"),
        (-0.1, {"claim": "better"}, "fail"),
        (0.0, {"claim": "equivalent", "margin": 0.05}, "pass"),
        (0.2, {"claim": "equivalent", "margin": 0.05}, "fail"),
        (0.0, {"claim": "no_regression", "mde": 0.05}, "pass"),
        (-0.05, {"claim": "no_regression", "mde": 0.05}, "fail"),
        (0.0, {"claim": "no_regression", "mde": 0.01}, "inconclusive"),
    ],
)
def test_verdicts(shift, claim, verdict):
    result = compare(**smooth(150, shift), **claim, kind="bounded")
    assert (result.verdict, result.reason) == (verdict, "")


@pytest.mark.parametrize("claim", ["not_worse", "equivalent"])
def test_verdict_and_interval_agree(claim):
    for seed in range(40):
        result = compare(**smooth(80, -0.03, seed), claim=claim, margin=0.04, kind="bounded")
        low, high = result.ci
        inside = low > -0.04 and (claim == "not_worse" or high < 0.04)
        assert (result.verdict == "pass") == inside


def test_lower_is_better_turns_the_difference_and_not_the_means():
    data = smooth(150, 0.1)
    result = compare(**data, **NOT_WORSE, better="lower")
    assert result.verdict == "fail"
    assert result.estimate < -0.08
    assert result.candidate_mean > result.baseline_mean
    assert "(lower is better)" in str(result)


def test_other_bounds_scale_with_the_margin():
    data = smooth(150, -0.02)
    percent = {side: 100 * values for side, values in data.items()}
    small = compare(**data, **NOT_WORSE)
    large = compare(**percent, claim="not_worse", margin=5, kind="bounded", bounds=(0, 100))
    assert large.p_value == pytest.approx(small.p_value)
    assert large.estimate == pytest.approx(100 * small.estimate)


@pytest.mark.parametrize(("n", "verdict"), [(58, "inconclusive"), (59, "pass"), (600, "pass")])
def test_identical_values_pass_from_as_many_pairs_on_as_binary_ones(n, verdict):
    values = np.linspace(0.2, 0.8, n)
    result = compare(baseline=values, candidate=values, **NOT_WORSE)
    assert (result.identical, result.verdict) == (True, verdict)
    assert compare(baseline=values, candidate=values, claim="better", kind="bounded").p_value == 1


@pytest.mark.parametrize(
    ("shift", "verdict"),
    [(-0.25, "fail"), (-0.04, "inconclusive"), (0.0, "pass"), (0.25, "pass")],
)
def test_a_constant_difference_has_the_variance_of_what_nobody_saw(shift, verdict):
    values = np.full(80, 0.5)
    result = compare(baseline=values, candidate=values + shift, **NOT_WORSE)
    assert result.verdict == verdict
    assert 0 < result.p_value <= 1


def test_three_pairs_of_one_sign_decide_nothing():
    result = compare(
        baseline=[0.5] * 3, candidate=[0.25] * 3, claim="no_regression", mde=0.1, kind="bounded"
    )
    assert result.p_value > 0.05
    assert result.verdict == "inconclusive"


def test_rare_losses_make_the_lower_end_longer():
    before = np.full(300, 0.9)
    after = before.copy()
    after[:6] = 0.0
    result = compare(baseline=before, candidate=after, **NOT_WORSE)
    low, high = result.ci
    assert result.estimate - low > 1.15 * (high - result.estimate)
    wins = compare(baseline=after, candidate=before, **NOT_WORSE)
    assert wins.ci == pytest.approx((-high, -low))


def test_a_skewed_difference_is_warned_of():
    before = np.full(100, 0.9)
    after = before.copy()
    after[:2] = 0.0
    assert any(
        "skewed" in words
        for words in compare(baseline=before, candidate=after, **NOT_WORSE).warnings
    )
    assert not compare(**smooth(100), **NOT_WORSE).warnings


def test_repeated_questions_about_one_image_are_not_more_pairs():
    data = smooth(60, -0.01)
    alone = compare(**data, **NOT_WORSE)
    repeated = {side: np.repeat(values, 5) for side, values in data.items()}
    clusters = np.repeat(np.arange(60), 5).tolist()
    grouped = compare(**repeated, **NOT_WORSE, clusters=clusters)
    naive = compare(**repeated, **NOT_WORSE)
    assert grouped.statistic == pytest.approx(alone.statistic, rel=0.02)
    assert naive.statistic > 1.8 * grouped.statistic
    assert grouped.deff == pytest.approx(5, rel=0.05)
    assert grouped.n_clusters == 60


def test_too_few_clusters_are_refused():
    data = smooth(90)
    result = compare(**data, **NOT_WORSE, clusters=[i % 9 for i in range(90)])
    assert result.verdict == "inconclusive"
    assert "only 9 clusters" in result.reason


def test_a_hopeless_or_a_perfect_baseline_proves_nothing():
    for values, said in ((np.zeros(100), "too close to the worst"), (np.ones(100), "is perfect")):
        result = compare(baseline=values, candidate=values, **NOT_WORSE)
        assert result.verdict == "inconclusive"
        assert said in result.reason


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([0.5, 1.5], r"baseline\[1\] is 1.5, outside the bounds 0 to 1"),
        ([0.5, float("nan")], r"baseline\[1\] is nan"),
        ([], "non-empty"),
        (["a", "b"], "must be a list of numbers"),
        ([0.5], "baseline has 1 values and candidate 2"),
    ],
)
def test_values_that_make_no_sense_are_refused(values, message):
    with pytest.raises(StatisticsError, match=message):
        compare(baseline=values, candidate=[0.5, 0.5], **NOT_WORSE)


@pytest.mark.parametrize("bounds", [(0, float("inf")), (1, 0)])
def test_bounds_that_are_none_are_refused(bounds):
    with pytest.raises(StatisticsError):
        compare(baseline=[0.5], candidate=[0.5], **NOT_WORSE, bounds=bounds)


def test_words():
    assert str(compare(**smooth(150), **NOT_WORSE)).startswith(
        "Not worse: a loss of 0.05 or more is ruled out. From 0.5"
    )
