"""The tests of paired proportions, with or without clusters."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from pytest_vlm.errors import StatisticsError
from pytest_vlm.kinds import Better
from pytest_vlm.stats.cluster_sums import ClusterSums
from pytest_vlm.stats.clusters import FEW, TOO_FEW, cluster_design, cluster_t
from pytest_vlm.stats.distributions import (
    normal_quantile,
    normal_tail,
    student_quantile,
    student_tail,
)
from pytest_vlm.stats.exact import mcnemar_exact, unconditional_p
from pytest_vlm.stats.mcnemar import mcnemar_midp
from pytest_vlm.stats.one_sided import no_further, shown_without
from pytest_vlm.stats.paired_test import Tested
from pytest_vlm.stats.pairs import PairedCounts, PairedValues
from pytest_vlm.stats.planning import POWER, detectable_effect, n_required, pairs_to_detect
from pytest_vlm.stats.result import Claim
from pytest_vlm.stats.tango import tango_interval, tango_z

EXACT_UP_TO = 300
LARGEST_EXACT = 2000
UNCONDITIONAL = "exact unconditional, ordered by Tango's score"
Method = Literal["auto", "exact", "score"]


@dataclass(frozen=True)
class PairedProportions:
    """Right or wrong, before and after.

    Against "no difference" McNemar's mid-p, against a margin the exact unconditional test up to 300
    pairs and Tango's score above, which may err in 6.8 % of some smaller samples; see `one_sided`
    for where it would err in larger ones.

    Attributes:
        counts: of the pairs, where 1 is good.
        better: which value the score itself calls better.
        deff: design effect of the clusters.
        degrees_of_freedom: of the t that replaces the normal distribution; None without clusters.
        method: ``exact`` or ``score`` asks for one of the two in every case.
    """

    counts: PairedCounts
    better: Better
    deff: float
    degrees_of_freedom: float | None
    method: Method = "auto"

    @classmethod
    def of(cls, pairs: PairedValues, better: Better, method: Method) -> PairedProportions:
        """The tests of two arrays.

        Raises:
            StatisticsError: values other than 0 and 1; or an exact test of clusters, or of so many
                pairs that it would take minutes.
        """
        counts = PairedCounts.of(pairs)
        if better == "lower":
            counts = counts.mirrored()
        if method == "exact" and (counts.clustered or counts.n > LARGEST_EXACT):
            why = "clusters" if counts.clustered else f"more than {LARGEST_EXACT} pairs"
            raise StatisticsError(f'no exact test takes {why}; leave method="auto"')
        if not counts.clustered:
            return cls(counts, better, 1.0, None, method)
        design = cluster_design(counts)
        return cls(counts, better, design.deff, design.degrees_of_freedom, method)

    @property
    def clusters(self) -> ClusterSums:
        """Wins less losses."""
        sums, sizes = self.counts.cluster_sums, self.counts.cluster_sizes
        return ClusterSums(sums=sums, sizes=sizes, reach=1.0)

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
    def spread(self) -> float:
        """Standard deviation of wins less losses."""
        n, difference = self.counts.n, self.counts.estimate
        squares = self.counts.b + self.counts.c - n * difference**2
        return math.sqrt(max(squares, 0.0) / max(n - 1, 1))

    @property
    def dominance(self) -> float:
        """Cliff's delta; of proportions the same as their difference."""
        return self.difference

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
        if self._exact:
            b, c, n = self.counts.b, self.counts.c, self.counts.n
            below, above = unconditional_p(c, b, n, -null), unconditional_p(b, c, n, null)
            return Tested(z, below, above, UNCONDITIONAL)
        clustered = self.degrees_of_freedom is not None
        method = f"Tango score, design effect {self.deff:.2f}" if clustered else "Tango score"
        below, above = self._tail(-z), self._tail(z)
        if self.method == "auto":
            losses, wins, pairs = self._scaled
            below = max(below, shown_without(losses, pairs, -null))
            above = max(above, shown_without(wins, pairs, null))
        return Tested(z, below, above, method)

    def interval(self, level: float) -> tuple[float, float]:
        """Tango's; a gain or a loss within it reaches no further than the test shows it."""
        tail = (1 - level) / 2
        if self.degrees_of_freedom is None:
            critical = normal_quantile(tail)
        else:
            critical = student_quantile(tail, self.degrees_of_freedom)
        b, c, n = self._scaled
        low, high = tango_interval(b, c, n, critical)
        if self.method != "auto":
            return low, high
        return no_further(low, c, n, tail), -no_further(-high, b, n, tail)

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
        """The tests themselves know."""
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
            return "the baseline gets everything right; data that is so easy proves nothing"
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

    @property
    def _exact(self) -> bool:
        if self.degrees_of_freedom is not None or self.method == "score":
            return False
        return self.method == "exact" or self.counts.n <= EXACT_UP_TO

    def _no_difference(self) -> Tested:
        b, c = self.counts.b, self.counts.c
        if self.degrees_of_freedom is None:
            z = tango_z(*self._scaled, 0.0)
            if self.method == "score":
                return Tested(z, normal_tail(-z), normal_tail(z), "McNemar score")
            if self.method == "exact":
                return Tested(z, mcnemar_exact(b, c), mcnemar_exact(c, b), "McNemar exact")
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
