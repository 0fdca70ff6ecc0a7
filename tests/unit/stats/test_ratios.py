"""Positive scores: margins are shares of the baseline, differences are ratios."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import ttest_1samp

from pytest_vlm.errors import StatisticsError
from pytest_vlm.stats import compare

SLOWER = {"claim": "not_worse", "margin": 0.05, "kind": "positive", "better": "lower"}


def timed(n: int, factor: float, seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    before = rng.lognormal(3, 1, n)
    return {"baseline": before, "candidate": before * factor * rng.lognormal(0, 0.05, n)}


def test_it_is_the_t_test_of_the_log_ratio():
    data = timed(40, 1.02)
    logs = np.log(data["candidate"] / data["baseline"])
    result = compare(**data, **SLOWER)
    reference = ttest_1samp(logs, np.log(1.05), alternative="less")
    assert result.statistic == pytest.approx(-reference.statistic)
    assert result.p_value == pytest.approx(reference.pvalue)
    assert result.null_value == pytest.approx(1.05)
    assert result.estimate == pytest.approx(np.exp(logs.mean()))
    assert result.ci[0] < result.estimate < result.ci[1]


@pytest.mark.parametrize(
    ("factor", "better", "verdict"),
    [
        (1.0, "lower", "pass"),
        (1.2, "lower", "fail"),
        (0.8, "lower", "pass"),
        (1.05, "lower", "inconclusive"),
        (1.0, "higher", "pass"),
        (0.8, "higher", "fail"),
        (1.2, "higher", "pass"),
    ],
)
def test_verdicts(factor, better, verdict):
    result = compare(**timed(60, factor), **(SLOWER | {"better": better}))
    assert (result.verdict, result.reason) == (verdict, "")
    assert result.estimate == pytest.approx(factor, rel=0.03)


def test_exchanging_the_sides_inverts_the_ratio():
    data = timed(50, 1.1)
    one = compare(**data, claim="better", kind="positive", better="lower")
    other = compare(
        baseline=data["candidate"],
        candidate=data["baseline"],
        claim="better",
        kind="positive",
        better="lower",
    )
    assert one.estimate == pytest.approx(1 / other.estimate)
    assert one.ci == pytest.approx((1 / other.ci[1], 1 / other.ci[0]))


def test_half_as_many_tokens_everywhere_are_decided_by_the_sign():
    result = compare(
        baseline=[16] * 30, candidate=[8] * 30, claim="better", kind="positive", better="lower"
    )
    assert result.verdict == "pass"
    assert result.estimate == pytest.approx(0.5)
    assert result.warnings == ()
    assert "constant difference" in result.method
    assert result.p_value == pytest.approx(0.5**30)


def test_the_same_everywhere_is_not_more_than_the_margin():
    values = [16.0] * 30
    result = compare(baseline=values, candidate=values, **SLOWER)
    assert result.identical
    assert result.verdict == "pass"
    assert (
        compare(
            baseline=values, candidate=values, claim="better", kind="positive", better="lower"
        ).p_value
        == 1
    )


@pytest.mark.parametrize("value", [0.0, -1.0, float("inf"), float("nan")])
def test_what_has_no_ratio_is_refused_by_its_place(value):
    with pytest.raises(StatisticsError, match=r"candidate\[1\]"):
        compare(baseline=[1.0, 1.0], candidate=[1.0, value], **SLOWER)


@pytest.mark.parametrize(("n", "verdict"), [(2, "inconclusive"), (4, "inconclusive"), (5, "pass")])
def test_a_handful_of_equal_ratios_proves_nothing(n, verdict):
    same = {"baseline": [16.0] * n, "candidate": [16.0] * n, "kind": "positive"}
    assert compare(**same, claim="no_regression", mde=0.05).verdict == verdict


def test_blocks_are_clusters():
    data = timed(120, 1.0)
    blocks = np.repeat(np.arange(12), 10)
    drift = np.random.default_rng(1).lognormal(0, 0.2, 12)[blocks]
    drifting = data | {"candidate": data["candidate"] * drift}
    naive = compare(**drifting, **SLOWER)
    grouped = compare(**drifting, **SLOWER, clusters=blocks.tolist())
    assert grouped.deff > 3
    assert np.ptp(grouped.ci) > 1.8 * np.ptp(naive.ci)
    assert "only 12 clusters" in " ".join(grouped.warnings)


def test_words():
    words = str(compare(**timed(60, 1.2), **SLOWER))
    assert words.startswith("Worse: the candidate loses more than the margin of 5 %. From ")
    assert "(lower is better)" in words
    assert "times as much" in words
