"""The exact tests: published p values, an independent enumeration, and size by enumeration."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from scipy.stats import binomtest, multinomial

from pytest_vlm.stats.distributions import normal_quantile
from pytest_vlm.stats.exact import critical_z, mcnemar_exact, single_p, unconditional_p
from pytest_vlm.stats.tango import tango_z


@pytest.mark.parametrize(
    ("b", "c", "n", "margin", "p"),
    [
        (0, 0, 50, 0.05, 0.076945),
        (10, 10, 200, 0.05, 0.020078),
        (19, 26, 60, 0.070, 0.0497),
        (19, 26, 60, 0.075, 0.0545),
    ],
)
def test_p_of_a_single_margin(b, c, n, margin, p):
    digits = 5e-5 if p not in (0.0497, 0.0545) else 1e-3
    assert single_p(b, c, n, -margin) == pytest.approx(p, rel=digits)


@pytest.mark.parametrize("null", [-0.1, -0.03, 0.05])
@pytest.mark.parametrize(("b", "c", "n"), [(1, 3, 12), (0, 0, 12), (5, 4, 14), (0, 6, 9)])
def test_agrees_with_adding_up_every_outcome(b, c, n, null):
    outcomes = [(x, y) for x in range(n + 1) for y in range(n + 1 - x)]
    seen = tango_z(b, c, n, null)
    extreme = [o for o in outcomes if tango_z(*o, n, null) >= seen - 1e-9]
    rates = np.linspace(0, (1 - abs(null)) / 2, 4001)
    lost, won = rates + max(-null, 0), rates + max(null, 0)
    cells = np.stack([lost, won, 1 - lost - won], axis=1).clip(0)
    total = sum(multinomial.pmf([x, y, n - x - y], n, cells) for x, y in extreme)
    assert single_p(b, c, n, null) == pytest.approx(total.max(), rel=1e-5)


def test_what_rules_out_a_loss_rules_out_a_larger_one():
    """The single p is not monotone here, at .070 and .075."""
    p = [unconditional_p(19, 26, 60, -margin / 200) for margin in range(1, 60)]
    assert all(later <= earlier for earlier, later in pairwise(p))
    assert unconditional_p(19, 26, 60, -0.07) >= single_p(19, 26, 60, -0.075)


@pytest.mark.parametrize(("b", "c"), [(30, 5), (5, 5), (0, 60)])
def test_p_lies_between_0_and_1(b, c):
    for null in (-0.9, -0.05, 0.0005, 0.3):
        assert 0 < unconditional_p(b, c, 60, null) <= 1


@pytest.mark.parametrize("n", [42, 60, 87, 150])
@pytest.mark.parametrize("margin", [0.05, 0.1])
def test_never_errs_more_than_alpha_where_tango_does(n, margin):
    """Every possible outcome at the edge of the claim, weighted; Tango alone errs up to 6.8 %."""
    rates = np.linspace(0, (1 - margin) / 2, 60)
    critical = {"exact": critical_z(n, -margin, 0.05), "Tango": normal_quantile(0.05)}
    errs = dict.fromkeys(critical, np.zeros_like(rates))
    for x in range(n + 1):
        for y in range(n + 1 - x):
            z = tango_z(x, y, n, -margin)
            if z < min(critical.values()) - 1e-9:
                continue
            cells = np.stack([rates + margin, rates, 1 - 2 * rates - margin], axis=1).clip(0)
            chance = np.nan_to_num(multinomial.pmf([x, y, n - x - y], n, cells))
            for name, least in critical.items():
                if z >= least - 1e-9:
                    errs[name] = errs[name] + chance
    assert errs["exact"].max() <= 0.05 + 1e-9
    if (n, margin) in {(42, 0.1), (87, 0.05)}:
        assert errs["Tango"].max() > 0.06


def test_critical_z_is_where_p_crosses_alpha():
    critical = critical_z(60, -0.05, 0.05)
    for b in range(8):
        for c in range(12):
            passes = tango_z(b, c, 60, -0.05) >= critical - 1e-9
            assert passes == (single_p(b, c, 60, -0.05) <= 0.05)


def test_nothing_can_be_rejected_by_too_few_pairs():
    assert math.isinf(critical_z(3, -0.05, 0.05))


@pytest.mark.parametrize(("losses", "wins"), [(0, 0), (3, 0), (10, 3), (5, 40), (0, 7)])
def test_mcnemar_exact_is_binomial(losses, wins):
    total = losses + wins
    expected = binomtest(losses, total, alternative="greater").pvalue if total else 1.0
    assert mcnemar_exact(losses, wins) == pytest.approx(expected)
