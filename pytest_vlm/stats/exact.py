"""Exact tests of paired proportions: no approximation, whatever the number of pairs.

Against a margin: the unconditional test that orders all outcomes by Tango's score. Its p value is
the largest probability, over the unknown discordant rate, of an outcome at least as extreme
(Lloyd & Moldovan 2008, "A more powerful exact test of noninferiority from binary matched-pairs
data", Statistics in Medicine 27:3540-3549, start from it as well).

Against no difference: McNemar's exact test, which is binomial given the discordant pairs.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from pytest_vlm.stats.distributions import SMALLEST, fair_tail, normal_tail
from pytest_vlm.stats.tango import tango_z

STEPS = 2000
NEGLIGIBLE = 0.5
TIE = 1e-9
COARSE, FINE, ROUNDS = 64, 17, 3


def mcnemar_exact(losses: int, wins: int) -> float:
    """P(X ≥ losses) for X ~ Binomial(losses + wins, 1/2), against more losses than wins."""
    return max(fair_tail(losses - 1, losses + wins), SMALLEST) if losses else 1.0


@lru_cache(maxsize=8192)
def unconditional_p(b: int, c: int, n: int, null: float) -> float:
    """The p value of H0: candidate - baseline ≤ null.

    By itself it is not monotone in the null hypothesis: of 60 pairs, (19, 26) gives .0497 at a
    margin of .070 and .0545 at .075. What rules out a loss of 7 points must rule out one of 7.5,
    so this is the largest over all differences at or below `null`, in steps of 1/2000.

    Args:
        b: pairs in which only the baseline is right.
        c: pairs in which only the candidate is right.
        n: pairs.
        null: in (-1, 1); -0.05 for "not worse by 0.05". Rounded up to a whole step.

    Returns:
        1 where the pairs do not speak against the hypothesis at all (z ≤ 0).
    """
    if tango_z(b, c, n, math.ceil(null * STEPS - TIE) / STEPS) <= 0:
        return 1.0
    largest = 0.0
    for step in range(math.ceil(null * STEPS - TIE), -STEPS, -1):
        if normal_tail(tango_z(b, c, n, step / STEPS)) < NEGLIGIBLE * largest:
            break
        largest = max(largest, single_p(b, c, n, step / STEPS))
    return min(max(largest, SMALLEST), 1.0)


def single_p(b: int, c: int, n: int, null: float) -> float:
    """P(Z ≥ z observed) at candidate - baseline = null, the largest over the discordant rate."""
    return _largest_probability(n, null, tango_z(b, c, n, null))


@lru_cache(maxsize=256)
def critical_z(n: int, null: float, alpha: float) -> float:
    """The smallest value of Tango's score that is rejected at alpha; inf where none is.

    Of one null hypothesis only, as planning needs it.
    """
    scores = np.unique(_scores(n, null)[_possible(n)])
    low, high = 0, scores.size
    while low < high:
        middle = (low + high) // 2
        if _largest_probability(n, null, float(scores[middle])) <= alpha:
            high = middle
        else:
            low = middle + 1
    return float(scores[low]) if low < scores.size else math.inf


def _largest_probability(n: int, null: float, z: float) -> float:
    """Of a score of at least z: on a grid of discordant rates, then finer around the largest."""
    reached = (_scores(n, null) >= z - TIE) & _possible(n)
    losses = np.flatnonzero(reached.any(axis=1))
    least_wins = reached[losses].argmax(axis=1)
    low, high = 0.0, (1 - abs(null)) / 2
    points = COARSE
    for _ in range(1 + ROUNDS):
        rates = np.linspace(low, high, points)
        found = _probabilities(n, null, losses, least_wins, rates)
        best, points = int(found.argmax()), FINE
        low, high = rates[max(best - 1, 0)], rates[min(best + 1, rates.size - 1)]
    return float(found.max())


def _probabilities(
    n: int,
    null: float,
    losses: NDArray[np.int64],
    least_wins: NDArray[np.int64],
    rates: NDArray[np.float64],
) -> NDArray[np.float64]:
    """(Q,) of (b, c) with b in `losses` and c at least as given, for each rate of the rarer side.

    Losses are binomial, and wins are binomial given the losses.
    """
    from scipy.special import bdtrc, gammaln, xlog1py, xlogy

    lost, won = rates + max(-null, 0.0), rates + max(null, 0.0)
    b = losses[:, None].astype(np.float64)
    ways = gammaln(n + 1) - gammaln(b + 1) - gammaln(n - b + 1)
    chance = np.exp(ways + xlogy(b, lost) + xlog1py(n - b, -lost))
    share = np.clip(won / np.maximum(1 - lost, 1e-300), 0.0, 1.0)
    tail = bdtrc(
        np.maximum(least_wins - 1, 0)[:, None].astype(np.float64), n - losses[:, None], share
    )
    tail = np.where(least_wins[:, None] == 0, 1.0, tail)
    return np.asarray((chance * tail).sum(axis=0), dtype=np.float64)


def _scores(n: int, null: float) -> NDArray[np.float64]:
    """(n + 1, n + 1) Tango's score of (b, c); see `tango.tango_z`."""
    b, c = np.arange(n + 1)[:, None], np.arange(n + 1)[None, :]
    linear = -b - c + (2 * n - c + b) * null
    constant = -b * null * (1 - null)
    q = (np.sqrt(np.maximum(linear * linear - 8 * n * constant, 0.0)) - linear) / (4 * n)
    variance = n * (2 * q + null * (1 - null))
    distance = c - b - n * null
    with np.errstate(divide="ignore", invalid="ignore"):
        scores = distance / np.sqrt(np.maximum(variance, 0.0))
    scores[distance == 0] = 0.0
    return np.asarray(scores, dtype=np.float64)


def _possible(n: int) -> NDArray[np.bool_]:
    """(n + 1, n + 1) whether b + c ≤ n."""
    return np.add.outer(np.arange(n + 1), np.arange(n + 1)) <= n
