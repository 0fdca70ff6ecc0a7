"""Paired t test of a bounded score's mean difference, with or without clusters.

Bounded scores are often nearly all or nothing, and a t test is too sure of differences that are
mostly zero: where one pair in fifty loses everything, half the samples of 30 pairs show no loss and
no variance. As Bonett & Price (2012), "Adjusted Wald confidence interval for a difference of
binomial proportions based on paired data", do for counts, the variance is that of the pairs and of
some more that nobody saw, here three, each changed by the whole range R:

    SE² = deff · s² / n + 3 R² / G²,    G = n² / Σm², the number of equal clusters (n without any)

Three, because n pairs without a loss only rule out a share of 3 / n of them (the rule of three):
the mean must then lie z √3 R / n = 2.85 R / n from the null hypothesis at α = 0.05; two would ask
for 2.33 R / n and err in 9.8 %. Differences that are all the same one are no exception: they say
nothing of the pairs that nobody saw.

What skewness γ is left makes t lean to one side; Hall (1992), "On the removal of skewness by
transformation", sets it upright by a monotone cubic:

    g(t) = t + γ t² / (3 √G) + γ² t³ / (27 G) + γ / (6 √G)
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from pytest_vlm.kinds import Better
from pytest_vlm.stats.cluster_sums import ClusterSums
from pytest_vlm.stats.clusters import FEW, TOO_FEW, least_deff
from pytest_vlm.stats.distributions import normal_quantile, student_quantile, student_tail
from pytest_vlm.stats.effects import cliffs_delta
from pytest_vlm.stats.paired_test import Tested
from pytest_vlm.stats.pairs import PairedValues
from pytest_vlm.stats.planning import POWER, n_least
from pytest_vlm.stats.result import Claim

ROUNDING = 1e-12
SKEW_FACTOR = 121
UNSEEN = 3


@dataclass(frozen=True, kw_only=True, eq=False)
class PairedMeans:
    """Differences of paired values in the score's better direction.

    Attributes:
        differences: (n,) better is positive.
        means: of the baseline and of the candidate, as the score gives them.
        dominance: Cliff's delta.
        clusters: their sums; its reach is R, the largest difference that is possible.
        goodness: of the baseline: 0 is the worst mean that is possible, 1 the best.
    """

    differences: NDArray[np.float64]
    means: tuple[float, float]
    dominance: float
    clusters: ClusterSums
    goodness: float

    @classmethod
    def of(cls, pairs: PairedValues, better: Better, bounds: tuple[float, float]) -> PairedMeans:
        """The test of two arrays.

        Raises:
            StatisticsError: values outside the bounds.
        """
        low, high = bounds
        pairs.refuse(
            lambda values: (values < low) | (values > high),
            f", outside the bounds {low:g} to {high:g}",
        )
        a, b = pairs.baseline, pairs.candidate
        sign = 1.0 if better == "higher" else -1.0
        differences = sign * (b - a)
        sums, sizes = pairs.cluster_index(differences)
        share = (float(a.mean()) - low) / (high - low)
        return cls(
            differences=differences,
            means=(float(a.mean()), float(b.mean())),
            dominance=cliffs_delta(sign * a, sign * b),
            clusters=ClusterSums(sums=sums, sizes=sizes, reach=high - low),
            goodness=share if better == "higher" else 1 - share,
        )

    @property
    def n(self) -> int:
        """Pairs."""
        return int(self.differences.size)

    @property
    def n_clusters(self) -> int:
        """Clusters of pairs."""
        return int(self.clusters.sizes.size)

    @property
    def changed(self) -> tuple[int, int]:
        """Pairs that got worse, and pairs that got better."""
        return int((self.differences < 0).sum()), int((self.differences > 0).sum())

    @cached_property
    def difference(self) -> float:
        """The mean."""
        return float(self.differences.mean())

    @property
    def spread(self) -> float:
        """Standard deviation of the differences."""
        return math.sqrt(self._variance)

    @cached_property
    def deff(self) -> float:
        """Max(1, V_CR1 / V_naive, 1 + 0.3(m̃ - 1)); m̃ = Σm²/n where nothing differs."""
        if not self._clustered:
            return 1.0
        residuals = self.clusters.sums - self.clusters.sizes * self.difference
        groups = self.n_clusters
        robust = groups / max(groups - 1, 1) * float(residuals @ residuals) / self.n**2
        naive = self._variance / self.n
        average = float(self.clusters.sizes @ self.clusters.sizes) / self.n
        ratio = robust / naive if naive > 0 else average
        return max(1.0, ratio, least_deff(self.clusters.sizes.tolist()))

    def bound(self, margin: float) -> float:
        """In units of the score."""
        return margin

    def shown(self, difference: float) -> float:
        """In units of the score."""
        return difference

    def against(self, null: float) -> Tested:
        """T test; where nothing bounds differences that are all the same, their sign decides.

        Then p = 2^-G for G clusters that all lie on one side.
        """
        left = self.difference - null
        if self._constant and not self.clusters.reach:
            if abs(left) <= ROUNDING:
                return Tested(0.0, 1.0, 1.0, self._method("sign (constant difference)"))
            p = 0.5**self.n_clusters
            below, above = (p, 1.0) if left < 0 else (1.0, p)
            statistic = math.copysign(math.inf, left)
            return Tested(statistic, below, above, self._method("sign (constant difference)"))
        if left == 0 == null and self._constant:
            return Tested(0.0, 1.0, 1.0, self._method("paired t"))
        t = self._upright(left / self._standard_error)
        df = self._degrees_of_freedom
        return Tested(t, student_tail(-t, df), student_tail(t, df), self._method("paired t"))

    def interval(self, level: float) -> tuple[float, float]:
        """All differences that the test does not reject, no wider than what is possible."""
        critical = student_quantile((1 - level) / 2, self._degrees_of_freedom)
        low, high = (
            self.difference - self._standard_error * self._leaning(edge)
            for edge in (critical, -critical)
        )
        return (
            (max(low, -self.clusters.reach), min(high, self.clusters.reach))
            if self.clusters.reach
            else (low, high)
        )

    def detectable(self, alpha: float) -> float:
        """(z_α + z_β) · SE."""
        return (normal_quantile(alpha) + normal_quantile(1 - POWER)) * self._standard_error

    def required(self, claim: Claim, margin: float, alpha: float) -> int | None:
        """The n that solves (z_α + z_β)² SE² = m² at the observed variance."""
        if claim == "better":
            return None
        power = (1 + POWER) / 2 if claim == "equivalent" else POWER  # each of the two tests
        z = (normal_quantile(alpha) + normal_quantile(1 - power)) ** 2
        m, seen = self.bound(margin), z * self._variance
        pairs = (seen + math.sqrt(seen**2 + 4 * UNSEEN * z * (self.clusters.reach * m) ** 2)) / 2
        return math.ceil(self.deff * max(pairs / m**2, self._least(m, alpha)))

    def too_few(self) -> str:
        """One pair, or too few clusters."""
        if self.n < 2:
            return f"{self.n} pair; a mean needs at least two"
        if self._clustered and self._equal_clusters < TOO_FEW:
            return (
                f"{self.n} pairs in only {self.n_clusters} clusters; "
                f"at least {TOO_FEW} different images are needed"
            )
        return ""

    def unshowable(self, margin: float, alpha: float) -> str:
        """Fewer than would have seen losses of the whole range, as frequent as the margin."""
        if not margin or self._equal_clusters >= (least := self._least(margin, alpha)):
            return ""
        return (
            f"{self._equal_clusters:.0f} independent pairs could not show a margin of {margin:g} "
            f"if nothing differed; at least {least} are needed"
        )

    def assay(self, floor: float, ceiling: float) -> str:
        """A baseline at the bottom or at the top of the scale."""
        if self.goodness <= floor:
            return (
                f"the baseline's mean of {self.means[0]:.3g} is too close to the worst value to "
                "tell checkpoints apart"
            )
        if self.goodness >= ceiling:
            return "the baseline is perfect; data that is so easy proves nothing"
        return ""

    def warnings(self) -> tuple[str, ...]:
        """Few clusters, and differences too skewed for so few pairs."""
        found = []
        if self._clustered and self._equal_clusters < FEW:
            clusters = f"{self._equal_clusters:.0f}"
            found.append(f"only {clusters} clusters: error rates are approximate below {FEW}")
        skew = self._skewness
        if self.n < SKEW_FACTOR * skew**2:
            needed = math.ceil(SKEW_FACTOR * skew**2)
            found.append(
                f"the differences are skewed ({skew:+.1f}): error rates are approximate below "
                f"{needed} pairs"
            )
        return tuple(found)

    def _least(self, margin: float, alpha: float) -> int:
        """Fewest independent pairs that could show a margin."""
        return n_least(margin=margin / self.clusters.reach, alpha=alpha)

    @property
    def _clustered(self) -> bool:
        return self.n_clusters < self.n

    @cached_property
    def _variance(self) -> float:
        return 0.0 if self._constant else float(self.differences.var(ddof=1))

    @property
    def _constant(self) -> bool:
        return bool(np.ptp(self.differences) <= ROUNDING * max(1.0, abs(self.difference)))

    @cached_property
    def _standard_error(self) -> float:
        seen = self.deff * self._variance / self.n
        return math.sqrt(seen + UNSEEN * (self.clusters.reach / self._equal_clusters) ** 2)

    @cached_property
    def _lean(self) -> float:
        """γ / √G of the cluster means, the unseen pairs among them."""
        if self._standard_error == 0:
            return 0.0
        residuals = self.clusters.sums - self.clusters.sizes * self.difference
        groups = self.n_clusters
        third = float((residuals**3).mean()) * (groups / self.n) ** 3
        return third / groups**2 / self._standard_error**3

    def _upright(self, t: float) -> float:
        """g(t)."""
        a = self._lean
        return t + a * t * t / 3 + a * a * t**3 / 27 + a / 6

    def _leaning(self, g: float) -> float:
        """The t of which g is the upright one."""
        a = self._lean
        if abs(a) < ROUNDING:
            return g
        return 3 / a * (math.cbrt(1 + a * (g - a / 6)) - 1)

    @property
    def _degrees_of_freedom(self) -> float:
        return max(self._equal_clusters - 1, 1.0)

    @cached_property
    def _equal_clusters(self) -> float:
        return self.n**2 / float(self.clusters.sizes @ self.clusters.sizes)

    @property
    def _skewness(self) -> float:
        if self._variance <= 0:
            return 0.0
        centred = self.differences - self.difference
        return float((centred**3).mean() / (centred**2).mean() ** 1.5)

    def _method(self, name: str) -> str:
        return f"{name}, design effect {self.deff:.2f}" if self._clustered else name
