"""E-processes: numbers to reproduce, Ville's inequality, and naive streams that fail."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pytest_vlm.stats.betting import (
    Betting,
    EProcess,
    betting_interval,
    log_e,
    required_by_betting,
)
from pytest_vlm.stats.cluster_sums import ClusterSums
from pytest_vlm.stats.planning import n_least_anytime
from pytest_vlm.stats.power import anytime_verdicts


def pairs(*, b=0, c=0, ties=0):
    values = np.array([-1.0] * b + [1.0] * c + [0.0] * ties)
    return ClusterSums(sums=values, sizes=np.ones_like(values), reach=1.0)


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ({"ties": 50}, 1.517457),
        ({"ties": 90}, 3.019283),
        ({"b": 5, "c": 5, "ties": 190}, 3.009483),
        ({"b": 2, "c": 6, "ties": 92}, 3.553202),
    ],
)
def test_log_e_of_not_worse(counts, expected):
    assert log_e(pairs(**counts), -0.05)[-1] == pytest.approx(expected, rel=5e-7)


@pytest.mark.parametrize(
    ("b", "c", "expected"), [(5, 0, 2.310005), (7, 0, 3.400742), (10, 2, 2.265131)]
)
def test_log_e_of_worse(b, c, expected):
    assert log_e(pairs(b=b, c=c).mirrored(), 0.0)[-1] == pytest.approx(expected, rel=5e-7)


@pytest.mark.parametrize(("margin", "first"), [(0.05, 90), (0.02, 228), (0.10, 44)])
def test_first_look_that_can_show_a_margin_without_discordance(margin, first):
    evidence = log_e(pairs(ties=300), -margin)
    assert int((evidence >= math.log(20)).argmax()) + 1 == first == n_least_anytime(margin=margin)


@pytest.mark.parametrize("population", [None, 200])
def test_looks_of_any_size_give_one_path(population):
    increments = np.random.default_rng(0).choice([-0.95, 0.05, 1.05], size=200, p=[0.1, 0.8, 0.1])
    increments = np.minimum(increments, 0.95)
    whole = EProcess(0.05, population).update(increments)
    process = EProcess(0.05, population)
    parts = [process.update(part) for part in np.array_split(increments, [1, 40, 41, 150])]
    np.testing.assert_allclose(np.concatenate(parts), whole)


@pytest.mark.parametrize("population", [False, True])
@pytest.mark.parametrize("margin", [0.02, 0.1])
def test_a_false_claim_is_hardly_ever_shown_at_any_look(population, margin):
    """Differences exactly at -margin on average, of a dataset that is drawn first."""
    n, wrong, rng = 400, 0, np.random.default_rng(1)
    lost = round(n * (0.05 + margin))
    values = np.array([-1.0] * lost + [1.0] * (lost - round(n * margin)))
    data = np.concatenate([values, np.zeros(n - values.size)])
    for _ in range(1000):
        stream = ClusterSums(sums=rng.permutation(data), sizes=np.ones(n), reach=1.0)
        evidence = log_e(stream, -margin, population=n if population else None)
        wrong += bool(evidence.max() >= math.log(20))
    assert wrong <= 62


def test_a_sorted_stream_shows_any_false_claim():
    """Which is why the order must be random."""
    data = pairs(c=40, b=60, ties=900)
    wins_first = np.sort(data.sums)[::-1]
    stream = ClusterSums(sums=wins_first, sizes=np.ones(1000), reach=1.0)
    assert log_e(stream, -0.02).max() > math.log(20)


def test_whole_dataset_seen_leaves_no_doubt():
    """47 lost of 1000: above -0.05 by a hair; 53 lost: below."""
    for lost, shown in ((47, True), (50, False), (53, False)):
        order = np.random.default_rng(lost).permutation(pairs(b=lost, ties=1000 - lost).sums)
        stream = ClusterSums(sums=order, sizes=np.ones(1000), reach=1.0)
        assert math.isinf(log_e(stream, -0.05, population=1000)[-1]) == shown


def test_clusters_of_different_size_are_one_bet_each():
    """Twice the same question about each image is no more evidence than once."""
    once = pairs(b=3, c=5, ties=92)
    twice = ClusterSums(sums=2 * once.sums, sizes=2 * once.sizes, reach=1.0)
    np.testing.assert_allclose(log_e(twice, -0.05), log_e(once, -0.05))


@pytest.mark.parametrize("level", [0.8, 0.9, 0.99])
def test_interval_holds_what_is_not_rejected(level):
    rng = np.random.default_rng(2)
    values = rng.uniform(-1, 0.8, size=120)
    data = ClusterSums(sums=values, sizes=np.ones(120), reach=1.0)
    low, high = Betting(data).interval(level)
    alpha = (1 - level) / 2
    assert (
        Betting(data).against(low - 1e-4).above <= alpha < Betting(data).against(low + 1e-4).above
    )
    assert (
        Betting(data).against(high + 1e-4).below <= alpha < Betting(data).against(high - 1e-4).below
    )
    assert low < values.mean() < high


def test_one_win_rules_out_little():
    """The mean of 32 bets of u on odds of (1 - m0) / (1 + m0) reaches 20 near -0.95."""
    low, high = betting_interval(pairs(c=1), 0.9, lambda side, null: float(log_e(side, null)[-1]))
    assert low == pytest.approx((1 - 19 / 0.49) / (1 + 19 / 0.49), abs=1e-6)
    assert high == 1


def test_betting_never_errs_where_a_t_test_does():
    """One pair in fifty loses everything: of 30 pairs half show no loss and no variance."""
    rng, wrong = np.random.default_rng(3), 0
    for _ in range(500):
        values = -1.0 * (rng.random(30) < 0.02)
        data = ClusterSums(sums=values, sizes=np.ones(30), reach=1.0)
        wrong += Betting(data).against(-0.02).above <= 0.05
    assert wrong <= 35


@pytest.mark.parametrize(("discordant", "margin"), [(0.05, 0.05), (0.1, 0.05), (0.3, 0.1)])
def test_as_many_pairs_as_it_says_are_required(discordant, margin):
    """Four of five equal candidates pass by then, and by no means all."""
    changed = round(discordant * 100)
    seen = pairs(b=changed, c=changed, ties=200 - 2 * changed)
    n = required_by_betting(seen, "not_worse", margin, 0.05)
    passed, _ = anytime_verdicts(n=n, margin=margin, discordant=discordant)
    assert 0.78 <= passed <= 0.92
    assert required_by_betting(seen, "equivalent", margin, 0.05) > n
    assert required_by_betting(seen, "better", margin, 0.05) is None


def test_without_discordance_the_fewest_pairs_are_required():
    for margin in (0.02, 0.05, 0.1):
        least = n_least_anytime(margin=margin)
        assert required_by_betting(pairs(ties=30), "not_worse", margin, 0.05) == least


def test_a_regression_is_revealed_by_as_many_pairs_as_are_required():
    """Of the same mean square, a loss that is a tenth of the pairs is then detectable."""
    n = required_by_betting(pairs(b=15, c=15, ties=170), "no_regression", 0.1, 0.05)
    share = round(0.075 * n)
    enough = Betting(pairs(b=share, c=share, ties=n - 2 * share)).detectable(0.05)
    assert enough == pytest.approx(0.1, rel=0.02)


def test_clusters_of_many_require_more_pairs():
    once = pairs(b=5, c=5, ties=90)
    five = ClusterSums(sums=5 * once.sums, sizes=5 * once.sizes, reach=1.0)
    alone = required_by_betting(once, "not_worse", 0.05, 0.05)
    assert required_by_betting(five, "not_worse", 0.05, 0.05) == 5 * alone
