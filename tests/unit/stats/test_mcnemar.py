"""McNemar's mid-p against the published numbers and against counting coin flips."""

from __future__ import annotations

from fractions import Fraction
from math import comb

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_vlm.stats.mcnemar import mcnemar_midp

counts = st.integers(0, 60)


@pytest.mark.parametrize(
    ("losses", "wins", "p"), [(3, 0, 0.0625), (4, 0, 0.03125), (10, 3, 0.028687)]
)
def test_published_numbers(losses, wins, p):
    assert mcnemar_midp(losses, wins) == pytest.approx(p, rel=5e-5)


@given(losses=counts, wins=counts)
def test_is_the_chance_of_more_losses_plus_half_of_as_many(losses, wins):
    flips = losses + wins
    more = sum(comb(flips, k) for k in range(losses + 1, flips + 1))
    expected = Fraction(2 * more + comb(flips, losses), 2 ** (flips + 1)) if flips else 1
    assert mcnemar_midp(losses, wins) == pytest.approx(float(expected), rel=1e-9)


@given(losses=counts, wins=counts)
def test_both_directions_add_up_to_one(losses, wins):
    total = mcnemar_midp(losses, wins) + mcnemar_midp(wins, losses)
    assert total == pytest.approx(1 if losses + wins else 2)


def test_nothing_discordant_speaks_for_no_difference():
    assert mcnemar_midp(0, 0) == 1.0


def test_overwhelming_losses_never_give_zero():
    assert 0 < mcnemar_midp(100_000, 0) < 1e-300
