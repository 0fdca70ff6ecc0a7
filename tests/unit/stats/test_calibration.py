"""Error rates by simulation, small enough for every run; the whole grid is a benchmark.

A rate of 5 % seen in 600 replicates lies below 7.5 % with a probability of 0.997.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest

from pytest_vlm.stats import compare

REPLICATES, TOO_OFTEN = 600, 0.075
SEEDS, COMPLETIONS = 200, 4
Sides = tuple[np.ndarray, np.ndarray]
Draw = Callable[[np.random.Generator, int], Sides]


def losses(rate: float, size: float) -> Draw:
    """Rare losses of one size: a mean of -rate * size."""

    def draw(rng: np.random.Generator, n: int) -> Sides:
        before = np.full(n, 0.9)
        return before, before - size * (rng.random(n) < rate)

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


def rate_of(verdict: str, draw: Draw, n: int, claim: dict[str, object]) -> float:
    rng = np.random.default_rng(n)
    seen = 0
    for _ in range(REPLICATES):
        before, after = draw(rng, n)
        result = compare(baseline=before, candidate=after, kind="bounded", **claim)
        seen += result.verdict == verdict
    return seen / REPLICATES


@pytest.mark.parametrize("n", [60, 200, 600])
@pytest.mark.parametrize(
    "draw",
    [losses(0.0556, 0.9), losses(0.2, 0.25), smooth(-0.05, 0.1), averaged(-0.05)],
    ids=["rare large losses", "frequent small ones", "smooth", "four completions"],
)
def test_a_candidate_at_the_margin_rarely_passes(draw, n):
    assert rate_of("pass", draw, n, {"claim": "not_worse", "margin": 0.05}) <= TOO_OFTEN


@pytest.mark.parametrize("n", [60, 200])
def test_equal_checkpoints_are_rarely_called_worse(n):
    assert rate_of("fail", averaged(0.0), n, {"claim": "no_regression", "mde": 0.2}) <= TOO_OFTEN


def test_the_claims_are_not_deaf():
    claim = {"claim": "not_worse", "margin": 0.05}
    assert rate_of("pass", averaged(0.0), 400, claim) > 0.9
    assert rate_of("fail", averaged(-0.05), 2000, {"claim": "no_regression", "mde": 0.2}) > 0.9


def draws_of_two(effect: float) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """(prompts, completions) right or wrong of each side, for each seed.

    The candidate is better at half of the prompts and as much worse at the others: equal overall.
    """
    for seed in range(SEEDS):
        rng = np.random.default_rng(seed)
        p = rng.uniform(0.45, 0.55, 120)
        change = effect * rng.choice([-1, 1], 120)
        shape = (120, COMPLETIONS)
        before = rng.random(shape) < p[:, None]
        yield before, rng.random(shape) < (p + change)[:, None]


def alarms(effect: float, *, averaged_first: bool) -> float:
    """How often equal checkpoints are called worse."""
    seen = 0
    for before, after in draws_of_two(effect):
        if averaged_first:
            sides = {"baseline": before.mean(1), "candidate": after.mean(1), "kind": "bounded"}
        else:
            sides = {"baseline": before.ravel(), "candidate": after.ravel()}
        seen += compare(**sides, claim="no_regression", mde=0.3).verdict == "fail"
    return seen / SEEDS


@pytest.mark.parametrize("effect", [0.0, 0.4])
def test_averaged_completions_raise_few_false_alarms(effect):
    assert alarms(effect, averaged_first=True) <= 0.07


def test_completions_taken_for_samples_raise_many():
    assert alarms(0.4, averaged_first=False) > 0.10


def test_repeated_questions_taken_for_samples_pass_too_often():
    rng = np.random.default_rng(0)
    naive = grouped = 0
    clusters = np.repeat(np.arange(60), 5).tolist()
    for _ in range(REPLICATES):
        before = np.repeat(rng.uniform(0.4, 0.6, 60), 5)
        after = np.clip(before - 0.05 + np.repeat(rng.normal(0, 0.15, 60), 5), 0, 1)
        claim = {"claim": "not_worse", "margin": 0.05, "kind": "bounded"}
        naive += compare(baseline=before, candidate=after, **claim).verdict == "pass"
        grouped += (
            compare(baseline=before, candidate=after, **claim, clusters=clusters).verdict == "pass"
        )
    assert grouped / REPLICATES <= TOO_OFTEN < 0.15 < naive / REPLICATES
