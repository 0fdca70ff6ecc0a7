"""Distributions of pairs: (n,) values of a baseline and of a candidate."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Sides = tuple[np.ndarray, np.ndarray]
Draw = Callable[[np.random.Generator, int], Sides]
Clusters = Callable[[int], np.ndarray]
COMPLETIONS = 4


def flips(lost: float, won: float, neither: float = 1.0) -> Draw:
    """Whole losses and whole wins; the other pairs have one value."""

    def draw(rng: np.random.Generator, n: int) -> Sides:
        u = rng.random(n)
        loses, wins = u < lost, (lost <= u) & (u < lost + won)
        before = np.where(loses, 1.0, np.where(wins, 0.0, neither))
        return before, np.where(loses, 0.0, np.where(wins, 1.0, neither))

    return draw


def discordant(rate: float, difference: float) -> Draw:
    """Right or wrong: so many pairs differ, and the candidate is so much better."""
    return flips((rate - difference) / 2, (rate + difference) / 2)


def losses(share: float, size: float) -> Draw:
    """Losses of one size."""
    return lambda rng, n: (np.full(n, 1.0), 1.0 - size * (rng.random(n) < share))


def unseen(expected: float, mean: float, noise: float) -> Draw:
    """Whole losses, so rare that few are expected, and everywhere else one small difference.

    Where none is seen, nothing in the data speaks of them.
    """

    def draw(rng: np.random.Generator, n: int) -> Sides:
        share = expected / n
        usual = (mean + share) / (1 - share)
        difference = np.where(rng.random(n) < share, -1.0, usual + noise * rng.uniform(-1, 1, n))
        before = np.where(difference < -0.5, 1.0, 0.5)
        return before, before + difference

    return draw


def smooth(shift: float, spread: float) -> Draw:
    """Differences of every pair."""

    def draw(rng: np.random.Generator, n: int) -> Sides:
        before = rng.uniform(0.4, 0.6, n)
        return before, before + shift + rng.uniform(-spread, spread, n)

    return draw


def averaged(shift: float) -> Draw:
    """Right-or-wrong completions of each side; most prompts are easy or hopeless."""

    def draw(rng: np.random.Generator, n: int) -> Sides:
        p = abs(shift) + (1 - abs(shift)) * rng.beta(0.4, 0.4, n)
        before, after = (rng.binomial(COMPLETIONS, chance) for chance in (p, p + shift))
        return before / COMPLETIONS, after / COMPLETIONS

    return draw


def skewed(rng: np.random.Generator, n: int) -> Sides:
    """Many small gains and few whole losses: no difference in the mean."""
    u = rng.random(n)
    difference = np.where(u < 0.03, -1.0, np.where(u < 0.33, 0.1, 0.0))
    before = np.where(difference < 0, 1.0, 0.2)
    return before, before + difference


def swapped(draw: Draw) -> Draw:
    """Candidate and baseline exchanged."""
    return lambda rng, n: draw(rng, n)[::-1]


def timed(ratio: float, spread: float = 0.2, tail: float = np.inf) -> Draw:
    """Positive values whose log ratio is Student's, with `tail` degrees of freedom."""

    def draw(rng: np.random.Generator, n: int) -> Sides:
        before = rng.lognormal(0, 1, n)
        noise = rng.normal(size=n) if np.isinf(tail) else rng.standard_t(tail, n)
        return before, before * ratio * np.exp(spread * noise)

    return draw


def equal_clusters(size: int) -> Clusters:
    """So many pairs a cluster."""
    return lambda n: np.arange(n) // size


def uneven(n: int) -> np.ndarray:
    """Clusters of 1, 2, 3, 4, 10 pairs in turn; n is a multiple of 20."""
    sizes = np.tile([1, 2, 3, 4, 10], n // 20)
    return np.repeat(np.arange(sizes.size), sizes)


def alike(draw: Draw, clusters: Clusters, share: float) -> Draw:
    """In a share of the clusters all pairs are copies of one, in the others independent."""

    def drawn(rng: np.random.Generator, n: int) -> Sides:
        names = clusters(n)
        first = np.unique(names, return_index=True)[1]
        copied = rng.random(first.size) < share
        source = np.where(copied[names], first[names], np.arange(n))
        before, after = draw(rng, n)
        return before[source], after[source]

    return drawn
