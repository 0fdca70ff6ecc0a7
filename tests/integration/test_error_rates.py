"""The whole gate's error rates, in few replicates; `benchmarks/gate.py` makes thousands.

A share is compared with its limit and three standard errors.
"""

from __future__ import annotations

import importlib.util
import math
import sys
from pathlib import Path

import numpy as np
import pytest

FILE = Path(__file__).parents[2] / "benchmarks/scripted_gate.py"
REPLICATES, MARGIN = {1: 200, 5: 100}, 0.1


@pytest.fixture(scope="module")
def scripted():
    spec = importlib.util.spec_from_file_location("scripted_gate", FILE)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


@pytest.fixture
def gate(scripted, tmp_path):
    def make(**how):
        return scripted.Gate(**({"pairs": 100, "margin": MARGIN, "folder": tmp_path} | how))

    return make


def above(share: float, claims: int) -> float:
    return share + 3 * math.sqrt(share * (1 - share) / REPLICATES[claims])


def runs(scripted, gate, differences):
    rng = np.random.default_rng(gate.claims)
    for _ in range(REPLICATES[gate.claims]):
        yield gate.run(*scripted.drawn(rng, gate, differences))


@pytest.mark.filterwarnings("ignore:.*python -m pytest_vlm plan says")
@pytest.mark.parametrize(
    ("claims", "early"),
    [(1, False), (5, False), (1, True)],
    ids=["one claim", "five claims", "stopping early"],
)
def test_a_candidate_at_the_margin_on_one_claim_rarely_ships(scripted, gate, claims, early):
    one = gate(claims=claims, early=early)
    found = runs(scripted, one, [-MARGIN, *[0.08] * (claims - 1)])
    shipped = sum(verdict.verdict == "SHIP" for verdict, _ in found) / REPLICATES[claims]
    assert shipped <= above(0.05, claims)


@pytest.mark.filterwarnings("ignore:.*python -m pytest_vlm plan says")
@pytest.mark.parametrize("claims", [1, 5])
def test_an_equal_candidate_ships_as_often_as_announced(scripted, gate, claims):
    found = [verdict for verdict, _ in runs(scripted, gate(claims=claims), [0.0] * claims)]
    shipped = sum(verdict.verdict == "SHIP" for verdict in found) / REPLICATES[claims]
    announced = float(np.mean([verdict.family["pass_rate"] for verdict in found]))
    assert 0.1 < announced < 0.99
    assert abs(shipped - announced) <= 0.03 + above(announced, claims) - announced


@pytest.mark.parametrize("claims", [1, 5])
def test_an_equal_candidate_is_rarely_held_for_a_regression(scripted, gate, claims):
    one = gate(claims=claims, claim="no_regression", margin=0.3)
    held, naive = 0, 0
    for verdict, recorded in runs(scripted, one, [0.0] * claims):
        held += verdict.verdict == "HOLD"
        naive += any(claim.result["p_value"] <= 0.05 for claim in recorded)
    assert held / REPLICATES[claims] <= above(0.05, claims)
    if claims > 1:
        assert naive / REPLICATES[claims] > above(0.05, claims)  # what no correction would do


def test_small_losses_add_up_to_what_the_anchor_sees(scripted, gate):
    """Ten steps of -1.5 points pass a margin of 5 points one by one."""
    rng, one = np.random.default_rng(0), gate(claims=1, pairs=1500, margin=0.05)
    anchor = before = rng.random((1, one.pairs)) < scripted.ACCURACY
    green, found = 0, []
    for _ in range(10):
        after = scripted.drifted(rng, before)
        verdict, recorded = one.run(before, after, anchor)
        green += all(claim.verdict == "pass" for claim in recorded if not claim.anchor)
        found.append((verdict.verdict, [c.verdict for c in recorded if c.anchor]))
        before = after
    assert green >= 9
    assert found[0] == ("SHIP", ["pass"])
    assert found[-1] == ("HOLD", ["fail"])
