"""The chance of a pass is that of the claim itself."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from pytest_vlm import stats
from pytest_vlm.errors import StatisticsError
from pytest_vlm.stats.distributions import normal_tail
from pytest_vlm.stats.planning import n_least, n_required
from pytest_vlm.stats.power import (
    anytime_verdicts,
    expected_deff,
    identical_pass_rate,
    n_required_of_means,
    pass_probability,
    pass_probability_of_means,
)
from pytest_vlm.stats.tango import tango_z

DRAWS = 40_000


def counts(n, discordant, difference, draws=DRAWS):
    """How often each (b, c) is drawn."""
    shares = ((discordant - difference) / 2, (discordant + difference) / 2, 1 - discordant)
    drawn = np.random.default_rng(n).multinomial(n, shares, draws)
    return Counter((int(b), int(c)) for b, c, _ in drawn)


def passed(n, b, c, **claim):
    """Whether `compare` lets these pairs pass; half of those that agree are right."""
    same = n - b - c
    agree = [1] * (same // 2) + [0] * (same - same // 2)
    result = stats.compare(
        baseline=[1] * b + [0] * c + agree, candidate=[0] * b + [1] * c + agree, **claim
    )
    return result.verdict == "pass"


@pytest.mark.parametrize(
    ("n", "margin", "discordant", "difference", "claim"),
    [
        (60, 0.10, 0.10, 0.0, "not_worse"),
        (60, 0.10, 0.15, -0.05, "not_worse"),
        (100, 0.05, 0.04, 0.02, "not_worse"),
        (90, 0.10, 0.08, 0.0, "equivalent"),
        (200, 0.12, 0.10, -0.05, "no_regression"),
        (200, 0.075, 0.10, -0.02, "no_regression"),
        (150, 0.0, 0.20, 0.10, "better"),
        (400, 0.05, 0.05, -0.01, "not_worse"),
        (400, 0.05, 0.10, 0.0, "equivalent"),
    ],
)
def test_as_often_as_compare_lets_random_pairs_pass(n, margin, discordant, difference, claim):
    bound = {"mde": margin} if claim == "no_regression" else {"margin": margin}
    drawn = counts(n, discordant, difference)
    seen = passing = 0
    for pair, times in drawn.most_common():
        seen += times
        passing += times * passed(n, *pair, claim=claim, **bound)
        if seen > 0.99 * DRAWS:
            break
    chance = pass_probability(
        n=n, margin=margin, discordant=discordant, difference=difference, claim=claim
    )
    assert chance == pytest.approx(passing / seen, abs=0.01)
    assert 0.02 < chance < 0.99


@pytest.mark.parametrize(
    ("n", "margin", "discordant", "difference"),
    [
        (301, 0.05, 0.10, 0.0),
        (301, 0.05, 0.10, -0.05),
        (1000, 0.03, 0.15, 0.0),
        (2000, 0.02, 0.10, -0.005),
        (5000, 0.01, 0.10, 0.0),
        (5000, 0.02, 0.30, -0.02),
    ],
)
def test_as_often_as_tangos_score_rejects_in_many_pairs(n, margin, discordant, difference):
    drawn = counts(n, discordant, difference)
    share = sum(
        times for (b, c), times in drawn.items() if normal_tail(tango_z(b, c, n, -margin)) <= 0.05
    )
    chance = pass_probability(n=n, margin=margin, discordant=discordant, difference=difference)
    assert chance == pytest.approx(share / DRAWS, abs=0.01)


def test_published_power_of_both_tests():
    tango = pass_probability(n=301, margin=0.05, discordant=0.10) * 100
    assert tango == pytest.approx(84, abs=1)
    regression = pass_probability(
        n=200, margin=0.5, discordant=0.10, difference=-0.05, claim="no_regression"
    )
    assert 100 * (1 - regression) == pytest.approx(74, abs=2)


@pytest.mark.parametrize("power", [0.8, 0.9, 0.99])
@pytest.mark.parametrize(("margin", "discordant"), [(0.05, 0.15), (0.02, 0.10), (0.01, 0.05)])
def test_the_planned_size_has_the_planned_power(margin, discordant, power):
    n = n_required(margin=margin, discordant=discordant, power=power)
    assert pass_probability(n=n, margin=margin, discordant=discordant) == pytest.approx(
        power, abs=0.02
    )


@pytest.mark.parametrize("claims", [1, 5, 20])
def test_claims_planned_at_one_minus_beta_over_k_pass_together(claims):
    n = n_required(margin=0.05, discordant=0.10, power=1 - 0.2 / claims)
    chance = pass_probability(n=n, margin=0.05, discordant=0.10)
    assert identical_pass_rate([chance] * claims) == pytest.approx(0.81, abs=0.03)


def test_five_claims_at_90_percent_pass_together_in_59_percent():
    assert identical_pass_rate([0.9] * 5) == pytest.approx(0.59, abs=0.001)
    assert identical_pass_rate([]) == 1


@pytest.mark.parametrize("n", [60, 200, 300])
@pytest.mark.parametrize("discordant", [0.05, 0.10, 0.15, 0.30])
def test_a_candidate_at_the_margin_passes_no_more_often_than_alpha_says(n, discordant):
    chance = pass_probability(n=n, margin=0.05, discordant=discordant, difference=-0.05)
    assert chance <= 0.0501


def test_fewer_than_the_least_never_pass():
    least = n_least(margin=0.05)
    assert pass_probability(n=least - 1, margin=0.05, discordant=0.0) == 0
    assert pass_probability(n=least, margin=0.05, discordant=0.0) == 1
    assert pass_probability(n=2 * least, margin=0.05, discordant=0.0, deff=2.5) == 0


def test_clusters_count_as_fewer_pairs():
    independent = pass_probability(n=400, margin=0.05, discordant=0.10)
    clustered = pass_probability(n=880, margin=0.05, discordant=0.10, deff=expected_deff(5))
    assert expected_deff(5) == pytest.approx(2.2)
    assert clustered == pytest.approx(independent)


def test_equivalence_is_harder_than_not_worse_and_symmetric():
    one = pass_probability(n=500, margin=0.05, discordant=0.10)
    both, worse, better = (
        pass_probability(
            n=500, margin=0.05, discordant=0.10, difference=difference, claim="equivalent"
        )
        for difference in (0.0, -0.02, 0.02)
    )
    assert both < one
    assert both == pytest.approx(2 * one - 1, abs=0.001)
    assert worse == pytest.approx(better)


def test_no_regression_never_passes_where_its_loss_would_go_unnoticed():
    assert pass_probability(n=100, margin=0.02, discordant=0.1, claim="no_regression") == 0


@pytest.mark.parametrize("claim", ["not_worse", "better", "equivalent", "no_regression"])
def test_next_to_no_pairs_show_nothing(claim):
    chance = pass_probability(n=2, margin=0.05, discordant=0.5, claim=claim, deff=3.0)
    assert chance == 0
    assert pass_probability_of_means(n=2, margin=0.05, sd=0.5, claim=claim, deff=3.0) == 0


def test_everything_may_be_discordant_and_nothing_more():
    assert 0 < pass_probability(n=5000, margin=0.05, discordant=1.0) < 1
    with pytest.raises(StatisticsError, match="needs a discordant rate as large"):
        pass_probability(n=100, margin=0.05, discordant=0.01, difference=-0.02)


def means(n, m, sd, difference, claim, bound):
    """Share of random samples of bounded differences that `compare` lets pass."""
    rng = np.random.default_rng(7)
    times, replicates = 0, 1000
    for _ in range(replicates):
        d = np.repeat(rng.normal(difference, sd, n // m), m)
        a = 0.5 - d / 2
        result = stats.compare(
            baseline=a,
            candidate=a + d,
            claim=claim,
            kind="bounded",
            clusters=np.repeat(np.arange(n // m), m).tolist() if m > 1 else None,
            **bound,
        )
        times += result.verdict == "pass"
    return times / replicates


@pytest.mark.parametrize(
    ("n", "sd", "difference", "claim"),
    [
        (300, 0.15, 0.0, "not_worse"),
        (300, 0.15, -0.02, "not_worse"),
        (250, 0.15, 0.0, "equivalent"),
        (300, 0.15, 0.02, "better"),
        (300, 0.15, -0.01, "no_regression"),
    ],
)
def test_of_means_as_often_as_compare_lets_random_scores_pass(n, sd, difference, claim):
    margin = 0.0 if claim == "better" else 0.03
    bound = {"mde": margin} if claim == "no_regression" else {"margin": margin}
    chance = pass_probability_of_means(
        n=n, margin=margin, sd=sd, difference=difference, claim=claim
    )
    assert chance == pytest.approx(means(n, 1, sd, difference, claim, bound), abs=0.04)
    assert 0.05 < chance < 0.99


def test_of_means_clusters_of_copies_count_once():
    chance = pass_probability_of_means(n=1200, margin=0.03, sd=0.15, deff=4.0)
    assert chance == pytest.approx(
        means(1200, 4, 0.15, 0.0, "not_worse", {"margin": 0.03}), abs=0.05
    )


def test_of_means_refuses_as_the_claim_does():
    assert pass_probability_of_means(n=50, margin=0.05, sd=0.0) == 0
    assert pass_probability_of_means(n=70, margin=0.05, sd=0.0) == 1
    assert pass_probability_of_means(n=500, margin=0.01, sd=0.3, claim="no_regression") == 0


def test_of_means_without_bounds_no_pair_is_unseen():
    chance = pass_probability_of_means(n=400, margin=0.05, sd=0.4, reach=0.0)
    assert chance == pytest.approx(normal_tail(1.6487 - 0.05 / 0.02), abs=1e-4)


def test_of_means_the_required_number_is_the_first_that_is_enough():
    n = n_required_of_means(margin=0.05, sd=0.3, power=0.9)
    assert n == pytest.approx(((1.6449 + 1.2816) * 0.3 / 0.05) ** 2, rel=0.1)
    before, there = (pass_probability_of_means(n=m, margin=0.05, sd=0.3) for m in (n - 1, n))
    assert before < 0.9 <= there
    assert n_required_of_means(margin=5, sd=30, power=0.9, reach=100) == n


@pytest.mark.parametrize(
    ("difference", "expected"), [(0.0, 310), (0.02, 160)], ids=["identical", "better"]
)
def test_an_early_stop_comes_as_soon_as_announced(difference, expected):
    chance, used = anytime_verdicts(n=2000, margin=0.05, discordant=0.1, difference=difference)
    assert chance > 0.99
    assert used == pytest.approx(expected, rel=0.08)


def test_an_early_stop_errs_as_rarely_as_the_claim():
    chance, used = anytime_verdicts(n=2000, margin=0.05, discordant=0.1, difference=-0.05)
    assert chance <= 0.05
    assert used > 1800


def test_an_early_stop_without_discordance_comes_at_once():
    assert anytime_verdicts(n=200, margin=0.05, discordant=0.0, replicates=3) == (1.0, 90.0)
