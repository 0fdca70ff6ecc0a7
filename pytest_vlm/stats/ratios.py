"""Paired t test on the logarithm of the ratio: latency, memory, tokens a second.

A margin of 0.05 means that the candidate takes at most 1.05 times as much, or, where more is
better, that the baseline has at most 1.05 times as much.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from pytest_vlm.errors import StatisticsError
from pytest_vlm.kinds import Better
from pytest_vlm.stats.means import PairedMeans
from pytest_vlm.stats.pairs import cluster_index, paired_arrays


@dataclass(frozen=True, kw_only=True, eq=False)
class PairedRatios(PairedMeans):
    """Differences of logarithms; unbounded, so nothing is added for what nobody saw."""

    better: Better

    @classmethod
    def of(
        cls,
        baseline: ArrayLike,
        candidate: ArrayLike,
        clusters: Sequence[Hashable] | None,
        better: Better,
        bounds: tuple[float, float] = (0.0, math.inf),
    ) -> PairedRatios:
        """The test of two arrays.

        Raises:
            StatisticsError: arrays that cannot be paired, or values that are not positive.
        """
        a, b = paired_arrays(baseline, candidate)
        for side, values in (("baseline", a), ("candidate", b)):
            wrong = np.flatnonzero(values <= 0)
            if wrong.size:
                where = int(wrong[0])
                raise StatisticsError(
                    f"{side}[{where}] is {values[where]:g}; a ratio needs values above 0"
                )
        before, after = np.log(a), np.log(b)
        differences = after - before if better == "higher" else before - after
        sums, sizes = cluster_index(differences, clusters)
        return cls(
            differences=differences,
            means=(math.exp(before.mean()), math.exp(after.mean())),
            cluster_sums=sums,
            cluster_sizes=sizes,
            reach=0.0,
            goodness=0.5,
            better=better,
        )

    @property
    def _lean(self) -> float:
        """Logarithms of ratios are not skewed by a bound."""
        return 0.0

    def bound(self, margin: float) -> float:
        """The logarithm of 1 + margin."""
        return math.log1p(margin)

    def shown(self, difference: float) -> float:
        """The ratio candidate / baseline."""
        return math.exp(difference if self.better == "higher" else -difference)

    def interval(self, level: float) -> tuple[float, float]:
        """Of the ratio."""
        low, high = sorted(map(self.shown, super().interval(level)))
        return low, high

    def unshowable(self, margin: float, alpha: float) -> str:
        """So few pairs that all would often lie on one side by chance: 2^-G above alpha."""
        if 0.5**self.n_clusters <= alpha:
            return ""
        least = math.ceil(-math.log2(alpha))
        return f"{self.n_clusters} independent pairs prove nothing; at least {least} are needed"

    def detectable(self, alpha: float) -> float:
        """As a margin of the ratio."""
        return math.expm1(super().detectable(alpha))
