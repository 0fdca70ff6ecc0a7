"""Paired t test on the logarithm of the ratio: latency, memory, tokens a second.

A margin of 0.05 means that the candidate takes at most 1.05 times as much, or, where more is
better, that the baseline has at most 1.05 times as much.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from pytest_vlm.kinds import Better
from pytest_vlm.stats.cluster_sums import ClusterSums
from pytest_vlm.stats.effects import cliffs_delta
from pytest_vlm.stats.means import PairedMeans
from pytest_vlm.stats.pairs import PairedValues

LARGEST_LOG = 700.0


@dataclass(frozen=True, kw_only=True, eq=False)
class PairedRatios(PairedMeans):
    """Differences of logarithms; unbounded, so nothing is added for what nobody saw."""

    better: Better

    @classmethod
    def of(
        cls, pairs: PairedValues, better: Better, bounds: tuple[float, float] = (0.0, math.inf)
    ) -> PairedRatios:
        """The test of two arrays.

        Raises:
            StatisticsError: values that are not positive.
        """
        pairs.refuse(lambda values: values <= 0, "; a ratio needs values above 0")
        before, after = np.log(pairs.baseline), np.log(pairs.candidate)
        sign = 1.0 if better == "higher" else -1.0
        differences = sign * (after - before)
        sums, sizes = pairs.cluster_index(differences)
        return cls(
            differences=differences,
            means=(math.exp(before.mean()), math.exp(after.mean())),
            dominance=cliffs_delta(sign * before, sign * after),
            clusters=ClusterSums(sums=sums, sizes=sizes, reach=0.0),
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
        log = difference if self.better == "higher" else -difference
        return math.exp(min(max(log, -LARGEST_LOG), LARGEST_LOG))

    def unshowable(self, margin: float, alpha: float) -> str:
        """So few pairs that all would often lie on one side by chance: 2^-G above alpha."""
        least = self._least(margin, alpha)
        if self.n_clusters >= least:
            return ""
        return f"{self.n_clusters} independent pairs prove nothing; at least {least} are needed"

    def _least(self, margin: float, alpha: float) -> int:
        return math.ceil(-math.log2(alpha))

    def detectable(self, alpha: float) -> float:
        """As a margin of the ratio."""
        return math.expm1(min(super().detectable(alpha), LARGEST_LOG))
