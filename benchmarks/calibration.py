"""How often claims about bounded and positive scores err: every null cell, 4,000 replicates each.

    python benchmarks/calibration.py [--replicates 4000]

Each row is a distribution of differences exactly at the edge of the claim; a pass (or, for no
difference, a verdict of "worse") is an error. Exit status 1 where a cell errs in more than 6.1 %.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable

import numpy as np
from tqdm import tqdm

from pytest_vlm.stats import compare
from pytest_vlm.stats.result import Claim

LIMIT = 0.061
SIZES = (30, 60, 100, 200, 500, 2000)
Draw = Callable[[np.random.Generator, int], tuple[np.ndarray, np.ndarray]]


def losses(share: float, size: float) -> Draw:
    """Losses of one size."""
    return lambda rng, n: (np.full(n, 1.0), 1.0 - size * (rng.random(n) < share))


def flips(lost: float, won: float) -> Draw:
    """Whole losses and whole wins."""

    def draw(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
        u = rng.random(n)
        before = np.where(u < lost, 1.0, np.where(u < lost + won, 0.0, 0.5))
        return before, np.where(u < lost, 0.0, np.where(u < lost + won, 1.0, 0.5))

    return draw


def smooth(shift: float, spread: float) -> Draw:
    """Differences of every pair."""

    def draw(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
        before = rng.uniform(0.4, 0.6, n)
        return before, before + shift + rng.uniform(-spread, spread, n)

    return draw


def averaged(shift: float) -> Draw:
    """Four right-or-wrong completions a side."""

    def draw(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
        p = 0.05 + 0.95 * rng.beta(0.4, 0.4, n)
        return rng.binomial(4, p) / 4, rng.binomial(4, p + shift) / 4

    return draw


def skewed(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Many small gains and few whole losses: no difference in the mean."""
    u = rng.random(n)
    difference = np.where(u < 0.03, -1.0, np.where(u < 0.33, 0.1, 0.0))
    before = np.where(difference < 0, 1.0, 0.2)
    return before, before + difference


def mirrored(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    """The same with few whole gains."""
    after, before = skewed(rng, n)
    return before, after


def timed(factor: float) -> Draw:
    """Positive values with a lognormal ratio."""

    def draw(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
        before = rng.lognormal(0, 1, n)
        return before, before * factor * rng.lognormal(0, 0.2, n)

    return draw


CELLS: dict[str, tuple[Draw, Claim, str]] = {
    "losses of 1, 5 %": (losses(0.05, 1.0), "not_worse", "pass"),
    "losses of 0.5, 10 %": (losses(0.1, 0.5), "not_worse", "pass"),
    "losses of 0.25, 20 %": (losses(0.2, 0.25), "not_worse", "pass"),
    "10 % lost, 5 % won": (flips(0.10, 0.05), "not_worse", "pass"),
    "smooth": (smooth(-0.05, 0.2), "not_worse", "pass"),
    "four completions": (averaged(-0.05), "not_worse", "pass"),
    "skewed, called better": (skewed, "better", "pass"),
    "skewed, called worse": (mirrored, "no_regression", "fail"),
    "four completions, called worse": (averaged(0.0), "no_regression", "fail"),
    "ratio of 1.05": (timed(1.05), "not_worse", "pass"),
}


def errs(name: str, n: int, replicates: int) -> float:
    """The share of replicates in which a cell errs."""
    draw, claim, error = CELLS[name]
    positive = name.startswith("ratio")
    bound = {"no_regression": {"mde": 0.5}, "better": {}}.get(claim, {"margin": 0.05})
    rng, seen = np.random.default_rng(n), 0
    for _ in range(replicates):
        before, after = draw(rng, n)
        result = compare(
            baseline=before,
            candidate=after,
            claim=claim,
            kind="positive" if positive else "bounded",
            better="lower" if positive else "higher",
            ceiling=1.1,
            **bound,
        )
        seen += result.verdict == error
    return seen / replicates


def main() -> int:
    """Print the table; 1 where a cell errs too often."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--replicates", type=int, default=4000, help="of each cell (default 4000)")
    replicates = parser.parse_args().replicates
    print(f"{'errors in %':32}" + "".join(f"{n:>8}" for n in SIZES))
    worst = 0.0
    for name in tqdm(CELLS, desc="cells"):
        rates = [errs(name, n, replicates) for n in SIZES]
        worst = max(worst, *rates)
        print(f"{name:32}" + "".join(f"{100 * rate:8.1f}" for rate in rates))
    print(f"worst: {100 * worst:.1f} % (limit {100 * LIMIT:.1f} %)")
    return int(worst > LIMIT)


if __name__ == "__main__":
    sys.exit(main())
