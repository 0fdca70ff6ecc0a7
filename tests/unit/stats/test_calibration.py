"""Error rates by simulation, small enough for every run; the whole grid is a benchmark.

A rate of 5 % seen in 600 replicates lies below 7.5 % with a probability of 0.997. Right-or-wrong
scores are in `test_calibration_of_counts`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
from scipy.stats import wilcoxon

from pytest_vlm.stats import compare

REPLICATES, TOO_OFTEN = 600, 0.075
SEEDS, PROMPTS, COMPLETIONS = 200, 120, 4
Sides = tuple[np.ndarray, np.ndarray]
Draw = Callable[[np.random.Generator, int], Sides]
Claim = dict[str, object]
NOT_WORSE: Claim = {"claim": "not_worse", "margin": 0.05}
NO_REGRESSION: Claim = {"claim": "no_regression", "mde": 0.2}
SLOWER: Claim = NOT_WORSE | {"kind": "positive", "better": "lower"}


def losses(rate: float, size: float) -> Draw:
    """Rare losses of one size: a mean of -rate * size."""

    def draw(rng: np.random.Generator, n: int) -> Sides:
        before = np.full(n, 0.9)
        return before, before - size * (rng.random(n) < rate)

    return draw


def unseen(expected: float, mean: float, noise: float) -> Draw:
    """Whole losses, so rare that few are expected, and everywhere else one small difference."""

    def draw(rng: np.random.Generator, n: int) -> Sides:
        share = expected / n
        usual = (mean + share) / (1 - share) + noise * rng.uniform(-1, 1, n)
        difference = np.where(rng.random(n) < share, -1.0, usual)
        before = np.where(difference < -0.5, 1.0, 0.5)
        return before, before + difference

    return draw


def smooth(shift: float, spread: float) -> Draw:
    def draw(rng: np.random.Generator, n: int) -> Sides:
        before = rng.uniform(0.4, 0.6, n)
        return before, np.clip(before + shift + rng.normal(0, spread, n), 0, 1)

    return draw


def averaged(shift: float) -> Draw:
    """Right or wrong, drawn four times a side; most prompts are easy or hopeless."""

    def draw(rng: np.random.Generator, n: int) -> Sides:
        p = 0.05 + 0.95 * rng.beta(0.4, 0.4, n)
        return rng.binomial(4, p) / 4, rng.binomial(4, p + shift) / 4

    return draw


def timed(ratio: float, tail: float) -> Draw:
    """Positive values whose log ratio is Student's, with so many degrees of freedom."""

    def draw(rng: np.random.Generator, n: int) -> Sides:
        before = rng.lognormal(3, 1, n)
        return before, before * ratio * np.exp(0.1 * rng.standard_t(tail, n))

    return draw


def rate_of(verdict: str, draw: Draw, n: int, claim: Claim) -> float:
    """How often a claim about a bounded score, or the claim's own kind, ends in a verdict."""
    rng = np.random.default_rng(n)
    seen = 0
    for _ in range(REPLICATES):
        before, after = draw(rng, n)
        result = compare(baseline=before, candidate=after, **({"kind": "bounded"} | claim))
        seen += result.verdict == verdict
    return seen / REPLICATES


@pytest.mark.parametrize("n", [60, 200])
@pytest.mark.parametrize(
    "draw",
    [losses(0.0556, 0.9), losses(0.2, 0.25), smooth(-0.05, 0.1), averaged(-0.05)],
    ids=["rare large losses", "frequent small ones", "smooth", "four completions"],
)
def test_a_candidate_at_the_margin_rarely_passes(draw, n):
    assert rate_of("pass", draw, n, NOT_WORSE) <= TOO_OFTEN


@pytest.mark.parametrize("noise", [0.0, 1e-3], ids=["one gain", "small gains"])
@pytest.mark.parametrize("expected", [1.0, 2.5])
def test_losses_that_nobody_saw_do_not_make_a_candidate_better(expected, noise):
    assert rate_of("pass", unseen(expected, 0.0, noise), 100, {"claim": "better"}) <= TOO_OFTEN
    assert rate_of("pass", unseen(expected, -0.05, noise), 100, NOT_WORSE) <= TOO_OFTEN


@pytest.mark.parametrize("n", [10, 60])
@pytest.mark.parametrize("tail", [3, 1000], ids=["heavy tails", "lognormal"])
def test_a_candidate_as_slow_as_the_margin_rarely_passes(tail, n):
    assert rate_of("pass", timed(1.05, tail), n, SLOWER) <= TOO_OFTEN


@pytest.mark.parametrize("n", [60, 200])
def test_equal_checkpoints_are_rarely_called_worse(n):
    assert rate_of("fail", averaged(0.0), n, NO_REGRESSION) <= TOO_OFTEN


@pytest.mark.parametrize("n", [60, 150])
@pytest.mark.parametrize("draw", [losses(0.0556, 0.9), smooth(-0.05, 0.1)], ids=["rare", "smooth"])
def test_a_loss_that_would_have_been_seen_is_rarely_missed(draw, n):
    assert rate_of("pass", draw, n, {"claim": "no_regression", "mde": 0.05}) <= 0.2


def test_the_claims_are_not_deaf():
    assert rate_of("pass", averaged(0.0), 400, NOT_WORSE) > 0.9
    assert rate_of("fail", averaged(-0.05), 1000, NO_REGRESSION) > 0.9
    assert rate_of("pass", timed(1.0, 1000), 60, SLOWER) > 0.9


def drawn_twice(sharpness: float, swapped: float) -> list[Sides]:
    """(prompts, completions) right or wrong of two equally good checkpoints, for each seed.

    Most prompts are easy or hopeless, more so the smaller the sharpness. At a share of them the
    candidate is as good as the baseline is bad, which changes nothing in the mean; none of it is
    the checkpoint against itself.
    """
    draws = []
    for seed in range(SEEDS):
        rng = np.random.default_rng(seed)
        before = rng.beta(sharpness, sharpness, (PROMPTS, 1))
        after = np.where(rng.random((PROMPTS, 1)) < swapped, 1 - before, before)
        shape = (PROMPTS, COMPLETIONS)
        draws.append((rng.random(shape) < before, rng.random(shape) < after))
    return draws


def alarms(draws: list[Sides], claim: Claim, verdict: str) -> float:
    """How often averaged completions end in a wrong verdict."""
    results = [compare(baseline=a.mean(1), candidate=b.mean(1), **claim) for a, b in draws]
    return sum(result.verdict == verdict for result in results) / SEEDS


def naive_alarms(draws: list[Sides], claim: Claim, verdict: str) -> float:
    """How often they do when every completion counts as a pair."""
    results = [compare(baseline=a.ravel(), candidate=b.ravel(), **claim) for a, b in draws]
    return sum(result.verdict == verdict for result in results) / SEEDS


WORSE: tuple[Claim, str] = ({"claim": "no_regression", "mde": 0.3}, "fail")
BETTER: tuple[Claim, str] = ({"claim": "better"}, "pass")


@pytest.mark.parametrize(("claim", "verdict"), [WORSE, BETTER], ids=["worse", "better"])
@pytest.mark.parametrize("swapped", [0.0, 0.3], ids=["itself", "equal overall"])
def test_averaged_completions_raise_few_false_alarms(swapped, claim, verdict):
    assert alarms(drawn_twice(0.4, swapped), claim | {"kind": "bounded"}, verdict) <= 0.07


@pytest.mark.parametrize(("claim", "verdict"), [WORSE, BETTER], ids=["worse", "better"])
def test_completions_taken_for_samples_raise_many(claim, verdict):
    """Those of one prompt err together, so four of them say little more than one."""
    assert naive_alarms(drawn_twice(0.4, 0.3), claim, verdict) > 0.10


@pytest.mark.parametrize("kind", ["bounded", "positive"])
def test_repeated_questions_taken_for_samples_pass_too_often(kind):
    rng = np.random.default_rng(0)
    clusters = np.repeat(np.arange(60), 5).tolist()
    decide = partial(compare, claim="not_worse", margin=0.05, kind=kind)
    naive = grouped = 0
    for _ in range(REPLICATES):
        before = np.repeat(rng.uniform(0.4, 0.6, 60), 5)
        shift = np.repeat(rng.normal(0, 0.15, 60), 5)
        change = shift - 0.05 if kind == "bounded" else before * (np.exp(shift) / 1.05 - 1)
        sides = {"baseline": before, "candidate": np.clip(before + change, 1e-3, 1)}
        naive += decide(**sides).verdict == "pass"
        grouped += decide(**sides, clusters=clusters).verdict == "pass"
    assert grouped / REPLICATES <= TOO_OFTEN < 0.15 < naive / REPLICATES


def test_wilcoxon_takes_a_skewed_score_for_a_better_one():
    rng, naive, seen = np.random.default_rng(0), 0, 0
    for _ in range(200):
        u = rng.random(200)
        difference = np.where(u < 0.03, -1.0, np.where(u < 0.33, 0.1, 0.0))
        naive += wilcoxon(difference, alternative="greater").pvalue <= 0.05
        before = np.where(difference < 0, 1.0, 0.2)
        sides = {"baseline": before, "candidate": before + difference}
        seen += compare(**sides, claim="better", kind="bounded").verdict == "pass"
    assert seen / 200 < 0.1 < 0.9 < naive / 200
