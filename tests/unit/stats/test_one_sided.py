"""A gain that is all wins: where Tango's score alone errs too often."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from pytest_vlm.stats import compare
from pytest_vlm.stats.distributions import normal_quantile
from pytest_vlm.stats.one_sided import no_further, shown_without
from pytest_vlm.stats.tango import tango_z


def test_is_the_binomial_test():
    assert shown_without(23, 313, 0.05) == pytest.approx(binom.sf(22, 313, 0.05))
    assert shown_without(0, 313, 0.05) == 1
    assert shown_without(23, 313, 0.0) == shown_without(23, 313, -0.05) == 0


@pytest.mark.parametrize("claim", ["better", "worse"])
@pytest.mark.parametrize(("n", "margin", "score"), [(313, 0.05, 0.070), (338, 0.02, 0.080)])
def test_errs_no_more_than_alpha_where_the_score_does(paired, n, margin, score, claim):
    """Pairs change one way only, exactly as often as the margin."""
    changed = np.arange(n + 1)
    chance = binom.pmf(changed, n, margin)
    alone = [tango_z(0, int(k), n, margin) >= normal_quantile(0.05) for k in changed]
    assert chance[alone].sum() == pytest.approx(score, abs=0.002)
    wrong = 0.0
    for k in changed[chance > 1e-9]:
        same = {"both": (n - int(k)) // 2, "neither": n - int(k) - (n - int(k)) // 2}
        if claim == "better":
            result = compare(**paired(c=int(k), **same), claim="better", margin=margin)
            wrong += chance[k] * (result.verdict == "pass")
        else:
            result = compare(**paired(b=int(k), **same), claim="not_worse", margin=margin)
            wrong += chance[k] * (result.verdict == "fail")
    assert 0.02 < wrong <= 0.05


@pytest.mark.parametrize(("b", "c"), [(0, 23), (1, 30), (10, 60), (23, 0), (0, 0), (40, 20)])
@pytest.mark.parametrize("alpha", [0.01, 0.05, 0.2])
def test_the_interval_agrees(paired, b, c, alpha):
    data = paired(b=b, c=c, both=300, neither=100)
    low, high = compare(**data, claim="better", alpha=alpha).ci
    for margin in np.arange(0.0025, 0.25, 0.005):
        gain = compare(**data, claim="better", margin=margin, alpha=alpha)
        assert (gain.verdict == "pass") == (low > margin)
        loss = compare(**data, claim="not_worse", margin=margin, alpha=alpha)
        assert (loss.verdict == "fail") == (high < -margin)


def test_leaves_alone_what_the_binomial_test_shows_as_well():
    assert no_further(0.03, 60, 400, 0.05) == 0.03
    assert no_further(-0.02, 5, 400, 0.05) == -0.02
    assert no_further(0.05, 23, 400, 0.05) < 0.05
