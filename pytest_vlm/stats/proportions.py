"""Both tests of paired proportions, with or without clusters."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from numpy.typing import ArrayLike

from pytest_vlm.kinds import Better
from pytest_vlm.stats.clusters import FEW, TOO_FEW, cluster_design, cluster_t
from pytest_vlm.stats.distributions import (
    normal_quantile,
    normal_tail,
    student_quantile,
    student_tail,
)
from pytest_vlm.stats.mcnemar import mcnemar_midp
from pytest_vlm.stats.paired_test import Tested
from pytest_vlm.stats.pairs import PairedCounts, count_pairs
from pytest_vlm.stats.planning import POWER, detectable_effect, n_required, pairs_to_detect
from pytest_vlm.stats.result import Claim
from pytest_vlm.stats.tango import tango_interval, tango_z


@dataclass(frozen=True)
class PairedProportions:
    """McNemar's mid-p against "no difference", Tango's score against a margin.

    Attributes:
        counts: of the pairs, where 1 is good.
        better: which value the score itself calls better.
        deff: design effect of the clusters.
        degrees_of_freedom: of the t that replaces the normal distribution; None without clusters.
    """

    counts: PairedCounts
    better: Better
    deff: float
    degrees_of_freedom: float | None

    @classmethod
    def of(
        cls,
        baseline: ArrayLike,
        candidate: ArrayLike,
        clusters: Sequence[Hashable] | None,
        better: Better,
    ) -> PairedProportions:
        """The tests of two arrays.

        Raises:
            StatisticsError: arrays that cannot be paired, or values other than 0 and 1.
        """
        counts = count_pairs(baseline, candidate, clusters)
        if better == "lower":
            counts = counts.mirrored()
        if not counts.clustered:
            return cls(counts, better, 1.0, None)
        design = cluster_design(counts)
        return cls(counts, better, design.deff, design.degrees_of_freedom)

    @property
    def n(self) -> int:
        """Pairs."""
        return self.counts.n

    @property
    def n_clusters(self) -> int:
        """Clusters of pairs."""
        return int(self.counts.cluster_sizes.size)

    @property
    def means(self) -> tuple[float, float]:
        """Shares of ones as the score gives them."""
        good = (self._good_baseline, (self.counts.both + self.counts.c) / self.counts.n)
        return good if self.better == "higher" else (1 - good[0], 1 - good[1])

    @property
    def changed(self) -> tuple[int, int]:
        """Pairs that got worse, and pairs that got better."""
        return self.counts.b, self.counts.c

    @property
    def difference(self) -> float:
        """Of the shares."""
        return self.counts.estimate

    @property
    def standardized(self) -> float | None:
        """The odds ratio says more of proportions."""
        return None

    def bound(self, margin: float) -> float:
        """As a difference of shares."""
        return margin

    def shown(self, difference: float) -> float:
        """As a difference of shares."""
        return difference

    def against(self, null: float) -> Tested:
        """No difference, or a margin."""
        if null == 0:
            return self._no_difference()
        z = tango_z(*self._scaled, null)
        clustered = self.degrees_of_freedom is not None
        method = f"Tango score, design effect {self.deff:.2f}" if clustered else "Tango score"
        return Tested(z, self._tail(-z), self._tail(z), method)

    def interval(self, level: float) -> tuple[float, float]:
        """Tango's."""
        tail = (1 - level) / 2
        if self.degrees_of_freedom is None:
            critical = normal_quantile(tail)
        else:
            critical = student_quantile(tail, self.degrees_of_freedom)
        return tango_interval(*self._scaled, critical)

    def detectable(self, alpha: float) -> float:
        """The achieved minimum detectable effect."""
        n = self.counts.n / self.deff
        return detectable_effect(n=n, discordant=self._discordant(alpha), alpha=alpha, power=POWER)

    def required(self, claim: Claim, margin: float, alpha: float) -> int | None:
        """By Tango's score at the observed discordant rate, or by Miettinen's formula."""
        if claim == "better":
            return None
        if claim == "no_regression":
            rate = self._discordant(alpha)
            pairs = pairs_to_detect(effect=margin, discordant=rate, alpha=alpha, power=POWER)
            return math.ceil(self.deff * pairs)
        rate = (self.counts.b + self.counts.c) / self.counts.n
        power = (1 + POWER) / 2 if claim == "equivalent" else POWER  # each of the two tests
        pairs = n_required(margin=margin, discordant=rate, alpha=alpha, power=power)
        return math.ceil(self.deff * pairs)

    def unshowable(self, margin: float, alpha: float) -> str:
        """Tango's score knows."""
        return ""

    def too_few(self) -> str:
        """Why these clusters say too little: one large one among many small counts as few."""
        if self.degrees_of_freedom is None or self._equal_clusters >= TOO_FEW:
            return ""
        clusters = self.n_clusters
        worth = "" if self._equal_clusters > clusters - 1 else f", worth {self._equal_clusters:.0f}"
        return (
            f"{self.counts.n} pairs in only {clusters} clusters{worth}; "
            f"at least {TOO_FEW} different images are needed"
        )

    def assay(self, floor: float, ceiling: float) -> str:
        """A baseline that gets nothing right, too little, or everything."""
        rate = self._good_baseline
        if rate <= floor:
            if rate == 0:
                return "the baseline gets nothing right, so agreeing with it proves nothing"
            return (
                f"the baseline gets {100 * rate:.1f} % right; only one above {100 * floor:.1f} % "
                "could tell checkpoints apart"
            )
        if rate >= ceiling:
            return (
                "the baseline gets everything right, so this data is too easy to tell "
                "checkpoints apart"
            )
        return ""

    def warnings(self) -> tuple[str, ...]:
        """What clusters a reader must know of."""
        if self.degrees_of_freedom is None or self._equal_clusters >= FEW:
            return ()
        clusters = f"{self._equal_clusters:.0f}"
        return (f"only {clusters} clusters: error rates are approximate below {FEW}",)

    @property
    def _good_baseline(self) -> float:
        return (self.counts.both + self.counts.b) / self.counts.n

    @property
    def _scaled(self) -> tuple[float, float, float]:
        """b, c and n over the design effect."""
        b, c, n = self.counts.b, self.counts.c, self.counts.n
        return b / self.deff, c / self.deff, n / self.deff

    def _no_difference(self) -> Tested:
        b, c = self.counts.b, self.counts.c
        if self.degrees_of_freedom is None:
            z = tango_z(*self._scaled, 0.0)
            return Tested(z, mcnemar_midp(b, c), mcnemar_midp(c, b), "McNemar mid-p")
        statistic, below = cluster_t(self.counts, cluster_design(self.counts))
        other = self.counts.mirrored()
        _, above = cluster_t(other, cluster_design(other))
        return Tested(statistic, below, above, "cluster-robust t (CR1)")

    def _tail(self, z: float) -> float:
        """P(Z ≥ z)."""
        if self.degrees_of_freedom is None:
            return normal_tail(z)
        return student_tail(z, self.degrees_of_freedom)

    def _discordant(self, alpha: float) -> float:
        """The discordant rate, at least what could have gone unseen in this many pairs."""
        seen = (self.counts.b + self.counts.c) / self.counts.n
        return max(seen, 1 - math.pow(alpha, self.deff / self.counts.n))

    @property
    def _equal_clusters(self) -> float:
        """How many clusters of equal size would say as much."""
        sizes = self.counts.cluster_sizes
        return float(sizes.sum() ** 2 / (sizes @ sizes))
