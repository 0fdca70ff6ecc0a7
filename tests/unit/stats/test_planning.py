"""How many samples a claim needs."""

from __future__ import annotations

import math

import pytest
from scipy.stats import binom

from pytest_vlm.errors import StatisticsError
from pytest_vlm.stats.mcnemar import mcnemar_midp
from pytest_vlm.stats.planning import (
    bets,
    detectable_effect,
    n_least,
    n_least_anytime,
    n_required,
)
from pytest_vlm.stats.power import identical_pass_rate, pass_probability

TABLE = {0.05: (167, 222, 383), 0.10: (274, 374, 673), 0.15: (389, 534, 974)}


@pytest.mark.parametrize(
    ("discordant", "power", "n"),
    [
        (discordant, power, n)
        for discordant, row in TABLE.items()
        for power, n in zip((0.8, 0.9, 0.99), row, strict=True)
    ],
)
def test_published_sample_sizes_at_five_points(discordant, power, n):
    assert n_required(margin=0.05, discordant=discordant, power=power) == n


@pytest.mark.parametrize(("margin", "n"), [(0.05, 59), (0.02, 149), (0.10, 29)])
def test_least_n_is_the_first_that_could_ever_show_the_margin(margin, n):
    assert n_least(margin=margin) == n
    assert (1 - margin) ** n <= 0.05 < (1 - margin) ** (n - 1)


def test_never_fewer_than_the_least_even_without_discordance():
    assert n_required(margin=0.05, discordant=0.0) == n_least(margin=0.05) == 59


@pytest.mark.parametrize("difference", [-0.05, -0.06])
def test_a_difference_beyond_the_margin_can_never_be_shown(difference):
    with pytest.raises(StatisticsError, match=r"can never show a margin of 0\.05"):
        n_required(margin=0.05, discordant=0.2, difference=difference)


def test_a_difference_needs_as_much_discordance():
    with pytest.raises(StatisticsError, match="needs a discordant rate as large"):
        n_required(margin=0.05, discordant=0.01, difference=0.02)


@pytest.mark.parametrize(("n", "discordant"), [(200, 0.10), (500, 0.05), (1000, 0.3)])
def test_detectable_effect_solves_the_formula_it_cites(n, discordant):
    effect = detectable_effect(n=n, discordant=discordant)
    z_alpha, z_beta = 1.6448536, 0.8416212
    spread = z_alpha * math.sqrt(discordant) + z_beta * math.sqrt(discordant - effect**2)
    assert (spread / effect) ** 2 == pytest.approx(n, rel=1e-4)


def test_detectable_effect_is_found_with_the_power_it_promises():
    n, discordant = 400, 0.10
    effect = detectable_effect(n=n, discordant=discordant)
    losing = (discordant + effect) / 2 / discordant
    power = sum(
        binom.pmf(flips, n, discordant)
        * sum(
            binom.pmf(losses, flips, losing)
            for losses in range(flips + 1)
            if mcnemar_midp(losses, flips - losses) <= 0.05
        )
        for flips in range(1, 90)
    )
    assert power == pytest.approx(0.8, abs=0.02)


def test_detectable_effect_shrinks_with_n_and_is_at_most_everything():
    effects = [detectable_effect(n=n, discordant=0.1) for n in (1, 3, 10, 100, 1000)]
    assert effects == sorted(effects, reverse=True)
    assert effects[0] == 1.0


@pytest.mark.parametrize(("margin", "n"), [(0.05, 90), (0.02, 228), (0.10, 44)])
def test_published_first_looks_that_could_show_the_margin(margin, n):
    assert n_least_anytime(margin=margin) == n


@pytest.mark.parametrize("alpha", [0.01, 0.05, 0.1])
def test_an_e_process_without_discordance_is_worth_one_over_alpha_first_there(alpha):
    n, margin = n_least_anytime(margin=0.03, alpha=alpha), 0.03
    before, there = (
        math.log(math.fsum((1 + bet * margin) ** pairs for bet in bets(-margin)) / 32)
        for pairs in (n - 1, n)
    )
    assert before < -math.log(alpha) <= there


@pytest.mark.parametrize(
    ("function", "given", "said"),
    [
        (n_required, {"margin": 1.0, "discordant": 0.1}, "margin must lie between 0 and 1"),
        (n_required, {"margin": 0.05, "discordant": 0.1, "alpha": 0}, "alpha must lie between"),
        (n_required, {"margin": 0.05, "discordant": 0.1, "power": 1}, "power must lie between"),
        (n_required, {"margin": 0.05, "discordant": -0.1}, "discordant must lie between 0 and 1"),
        (n_required, {"margin": "5 %", "discordant": 0.1}, "margin must be a number, found '5 %'"),
        (n_least, {"margin": 0}, "margin must lie between 0 and 1, found 0"),
        (n_least, {"margin": 0.05, "alpha": 1.0}, "alpha must lie between"),
        (n_least_anytime, {"margin": 0.0}, "margin must lie between"),
        (n_least_anytime, {"margin": 0.05, "alpha": math.nan}, "alpha must lie between"),
        (detectable_effect, {"n": 0, "discordant": 0.1}, "n must be finite and above 0"),
        (detectable_effect, {"n": 100, "discordant": 1.5}, "discordant must lie between"),
        (pass_probability, {"n": 10, "margin": 2, "discordant": 0.1}, "margin must lie between"),
        (pass_probability, {"n": 10, "margin": 0.1, "discordant": 2}, "discordant must lie"),
        (pass_probability, {"n": -1, "margin": 0.1, "discordant": 0.1}, "n must be finite"),
        (
            pass_probability,
            {"n": 10, "margin": 0.1, "discordant": 0.1, "claim": "as_good"},
            "unknown claim 'as_good'; known are not_worse",
        ),
        (
            pass_probability,
            {"n": 10, "margin": 0.1, "discordant": 0.1, "difference": 0.2},
            r"a difference of \+0.2 needs a discordant rate as large",
        ),
    ],
)
def test_what_cannot_be_planned_with_is_named(function, given, said):
    with pytest.raises(StatisticsError, match=said):
        function(**given)


def test_a_chance_that_is_none_is_named():
    with pytest.raises(StatisticsError, match=r"powers\[1\] must lie between 0 and 1, found 1.5"):
        identical_pass_rate([0.9, 1.5])
