"""Betting against a hypothesis: evidence that may be looked at after every pair.

Whoever bets on "the mean difference exceeds m0" multiplies the capital by 1 + λ(d - m0) a pair. If
the mean does not exceed m0 no strategy gains on average, and the capital E ever reaches 1 / α with
a chance of at most α (Ville), whenever one stops. Here the capital is spread over 32 bets λ, as in
Waudby-Smith & Ramdas (2023), "Estimating means of bounded random variables by betting", Journal of
the Royal Statistical Society B 86:1-27.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from pytest_vlm.stats.cluster_sums import ClusterSums
from pytest_vlm.stats.distributions import SMALLEST, normal_quantile, root, root_of_few
from pytest_vlm.stats.paired_test import Tested
from pytest_vlm.stats.planning import BETS, POWER, bets
from pytest_vlm.stats.result import Claim

FRACTIONS = np.array(bets(0.0))
ROUNDING = 1e-9
BLOCK = 8192
MOST_CLUSTERS = 10**8
PRECISION = 1e-6

Evidence = Callable[[ClusterSums, float], float]


class EProcess:
    """The capital against H0: the mean increment is at most 0.

    Args:
        null: m0 in (-1, 1); an increment is the sum of d - m0 over a cluster, divided by the size
            of the largest cluster, so it lies in [-(1 + m0), 1 - m0].
        population: clusters in all, where the claim is about these and no others: what is left of
            them must then make up for what was seen (sampling without replacement).
    """

    def __init__(self, null: float, population: int | None = None) -> None:
        self._lowest = -(1 + null)
        self._population = population
        self._capital = np.zeros(BETS)
        self._count, self._sum = 0, 0.0

    def update(self, increments: NDArray[np.float64]) -> NDArray[np.float64]:
        """(k,) log E after each of k further increments; inf where H0 has become impossible."""
        if self._population is None:
            gains = np.log1p(np.outer(increments, FRACTIONS / -self._lowest))
            return self._after(gains)
        total = self._sum + np.cumsum(increments)
        left = self._population - self._count - np.arange(increments.size)
        expected = -np.concatenate(([self._sum], total[:-1])) / left
        room = expected - self._lowest
        refuted = room < -ROUNDING
        refuted[left == 1] |= total[left == 1] > ROUNDING
        share = np.where(room > ROUNDING, (increments - expected) / np.maximum(room, ROUNDING), 0.0)
        evidence = self._after(np.log1p(np.outer(np.maximum(share, -1.0), FRACTIONS)))
        self._count, self._sum = self._count + increments.size, float(total[-1])
        evidence[np.maximum.accumulate(refuted)] = math.inf
        return evidence

    def _after(self, gains: NDArray[np.float64]) -> NDArray[np.float64]:
        capital = self._capital + np.cumsum(gains, axis=0)
        self._capital = capital[-1]
        largest = capital.max(axis=1)
        return np.asarray(largest + np.log(np.exp(capital - largest[:, None]).mean(axis=1)))


def log_e(
    data: ClusterSums, null: float, *, largest: float | None = None, population: int | None = None
) -> NDArray[np.float64]:
    """(G,) log E against "the mean difference is at most `null`", after each cluster in order.

    Args:
        data: differences, bounded by their reach.
        null: in the unit of the differences.
        largest: size of the largest cluster that may come; by default of those that came.
        population: clusters in all, see `EProcess`.
    """
    m0 = null / data.reach
    scale = largest or float(data.sizes.max())
    increments = (data.sums / data.reach - m0 * data.sizes) / scale
    process = EProcess(m0, population)
    blocks = range(0, increments.size, BLOCK)
    return np.concatenate([process.update(increments[at : at + BLOCK]) for at in blocks])


def detectable_by_betting(data: ClusterSums, alpha: float) -> float:
    """The loss that the process finds by the end of so much data with a chance of 0.8.

    Taken as independent ±1 differences of the same mean square, a fifth of which is unluckier than
    the loss assumed here.
    """
    n, rate = data.sums.size, max(_mean_square(data), 1 - math.pow(alpha, 1 / data.sums.size))

    def surplus(effect: float) -> float:
        return _unlucky_log_e(n, max(rate, effect), effect) + math.log(alpha)

    if surplus(1.0) < 0:
        return data.reach
    return min(data.reach, root(surplus, 1e-6, 1.0) / _fullness(data) * data.reach)


def required_by_betting(data: ClusterSums, claim: Claim, margin: float, alpha: float) -> int | None:
    """Pairs after which the process shows the claim, of equal sides, with a chance of 0.8.

    For ``no_regression`` those that reveal a loss of `margin`; None for ``better``, and where no
    number of pairs would do. As in `detectable_by_betting`, clusters stay as large as they are.
    """
    if claim == "better":
        return None
    rate, bound = _mean_square(data), margin / data.reach * _fullness(data)
    power = (1 + POWER) / 2 if claim == "equivalent" else POWER  # each of the two processes

    def enough(n: int) -> bool:
        if claim == "no_regression":
            at = max(rate, 1 - math.pow(alpha, 1 / data.sums.size), bound)
            found = _unlucky_log_e(n, at, bound)
        else:
            found = _unlucky_log_e(n, rate, 0.0, null=-bound, power=power)
        return found >= -math.log(alpha)

    most = 1
    while not enough(most):
        most *= 2
        if most > MOST_CLUSTERS:
            return None
    return math.ceil(bisect_left(range(most), True, key=enough) * float(data.sizes.mean()))


def _unlucky_log_e(
    n: int, rate: float, mean: float, *, null: float = 0.0, power: float = POWER
) -> float:
    """Log E after n increments of -1, 0 and 1, `rate` of which are not 0, on an unlucky day.

    As unlucky as one is with a chance of 1 - `power`; against "the mean is at most `null`".
    """
    luck = normal_quantile(1 - power) * math.sqrt(n * max(rate - mean**2, 0.0))
    changed, net = n * rate, max(n * mean - luck, -n * rate)
    stakes = FRACTIONS / (1 + null)
    up, down = (changed + net) / 2, max((changed - net) / 2, 0.0)
    capital = up * np.log1p(stakes * (1 - null)) + down * np.log1p(-stakes * (1 + null))
    capital += (n - changed) * np.log1p(-stakes * null)
    peak = float(capital.max())
    return peak + math.log(np.exp(capital - peak).mean())


def _mean_square(data: ClusterSums) -> float:
    """Of the increments of whole clusters, in [0, 1]."""
    return float(((data.sums / data.reach / data.sizes.max()) ** 2).mean())


def _fullness(data: ClusterSums) -> float:
    """The average size of a cluster as a share of the largest."""
    return float(data.sizes.mean() / data.sizes.max())


class Wagers:
    """What holds of every e-process: nothing is approximate, and few pairs only win little."""

    def __init__(self, clusters: ClusterSums) -> None:
        self._clusters = clusters

    def detectable(self, alpha: float) -> float:
        """See `detectable_by_betting`."""
        return detectable_by_betting(self._clusters, alpha)

    def required(self, claim: Claim, margin: float, alpha: float) -> int | None:
        """See `required_by_betting`."""
        return required_by_betting(self._clusters, claim, margin, alpha)

    def too_few(self) -> str:
        """Never."""
        return ""

    def unshowable(self, margin: float, alpha: float) -> str:
        """Never."""
        return ""

    def warnings(self) -> tuple[str, ...]:
        """None."""
        return ()


class Betting(Wagers):
    """The capital after all pairs as a test: it errs at most at alpha, whatever the scores.

    Clusters may be few and of any size: each is one bet.
    """

    def against(self, null: float) -> Tested:
        """P ≤ 1 / E, by Markov's inequality."""
        above = float(log_e(self._clusters, null)[-1])
        below = float(log_e(self._clusters.mirrored(), -null)[-1])
        return Tested(above, p_of(below), p_of(above), f"betting, {BETS} bets")

    def interval(self, level: float) -> tuple[float, float]:
        """The differences that are not rejected."""
        return betting_interval(
            self._clusters, level, lambda side, null: float(log_e(side, null)[-1])
        )


def betting_interval(data: ClusterSums, level: float, evidence: Evidence) -> tuple[float, float]:
    """The differences against which the evidence stays below 2 / (1 - level), each way."""
    threshold = -math.log((1 - level) / 2)

    def lowest(side: ClusterSums) -> float:
        edge = side.reach * (1 - ROUNDING)

        def doubt(null: float) -> float:
            return min(max(threshold - evidence(side, null), -threshold), threshold)

        high, low = edge, float(side.sums.sum() / side.sizes.sum())
        step = side.reach / math.sqrt(side.sums.size)
        while high > -edge:
            low = max(low, -edge)
            if doubt(low) < 0:
                return root_of_few(doubt, low, high, PRECISION * side.reach)
            high, low, step = low, low - step, 2 * step
        return -side.reach

    return lowest(data), -lowest(data.mirrored())


def p_of(log_evidence: float) -> float:
    """1 / E, at most 1."""
    return min(1.0, max(math.exp(-log_evidence), SMALLEST))
