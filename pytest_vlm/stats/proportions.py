"""Both tests of paired proportions, with or without clusters."""

from __future__ import annotations

import math
from dataclasses import dataclass

from scipy.stats import norm
from scipy.stats import t as student

from pytest_vlm.stats.clusters import FEW, TOO_FEW, cluster_design, cluster_t
from pytest_vlm.stats.mcnemar import mcnemar_midp
from pytest_vlm.stats.pairs import PairedCounts
from pytest_vlm.stats.planning import detectable_effect
from pytest_vlm.stats.tango import tango_interval, tango_z

POWER = 0.8


@dataclass(frozen=True)
class PairedTest:
    """Both tests of paired proportions, with or without clusters."""

    counts: PairedCounts
    deff: float
    degrees_of_freedom: float | None

    @classmethod
    def of(cls, counts: PairedCounts) -> PairedTest:
        if not counts.clustered:
            return cls(counts, 1.0, None)
        design = cluster_design(counts)
        return cls(counts, design.deff, design.degrees_of_freedom)

    @property
    def scaled(self) -> tuple[float, float, float]:
        """b, c and n over the design effect."""
        return (
            self.counts.b / self.deff,
            self.counts.c / self.deff,
            self.counts.n / self.deff,
        )

    def z(self, delta: float) -> float:
        return tango_z(*self.scaled, delta)

    def above(self, z: float) -> float:
        """P(Z ≥ z)."""
        if self.degrees_of_freedom is None:
            return float(norm.sf(z))
        return float(student.sf(z, self.degrees_of_freedom))

    def worse(self) -> tuple[float, float, str]:
        """Statistic, one-sided p of "no difference" against "worse", and the method."""
        if self.degrees_of_freedom is not None:
            statistic, p = cluster_t(self.counts, cluster_design(self.counts))
            return statistic, p, "cluster-robust t (CR1)"
        return self.z(0.0), mcnemar_midp(self.counts.b, self.counts.c), "McNemar mid-p"

    def better(self) -> float:
        """One-sided p of "no difference" against "better"."""
        if self.degrees_of_freedom is None:
            return mcnemar_midp(self.counts.c, self.counts.b)
        mirrored = PairedCounts(
            n=self.counts.n,
            b=self.counts.c,
            c=self.counts.b,
            both=self.counts.both,
            cluster_sums=-self.counts.cluster_sums,
            cluster_sizes=self.counts.cluster_sizes,
        )
        return cluster_t(mirrored, cluster_design(mirrored))[1]

    @property
    def margin_method(self) -> str:
        if self.degrees_of_freedom is None:
            return "Tango score"
        return f"Tango score, design effect {self.deff:.2f}"

    def interval(self, level: float) -> tuple[float, float]:
        tail = (1 - level) / 2
        if self.degrees_of_freedom is None:
            critical = float(norm.isf(tail))
        else:
            critical = float(student.isf(tail, self.degrees_of_freedom))
        return tango_interval(*self.scaled, critical)

    def detectable(self, alpha: float) -> float:
        """The achieved minimum detectable effect."""
        n = self.counts.n / self.deff
        return detectable_effect(n=n, discordant=self.discordant(alpha), alpha=alpha, power=POWER)

    def discordant(self, alpha: float) -> float:
        """The discordant rate, at least what could have gone unseen in this many pairs."""
        seen = (self.counts.b + self.counts.c) / self.counts.n
        return max(seen, 1 - math.pow(alpha, self.deff / self.counts.n))

    def too_few(self) -> str:
        """Why these clusters say too little: one large one among many small counts as few."""
        if self.degrees_of_freedom is None or self._equal_clusters >= TOO_FEW:
            return ""
        clusters = int(self.counts.cluster_sizes.size)
        worth = "" if self._equal_clusters > clusters - 1 else f", worth {self._equal_clusters:.0f}"
        return (
            f"{self.counts.n} pairs in only {clusters} clusters{worth}; "
            f"at least {TOO_FEW} different images are needed"
        )

    def warnings(self) -> tuple[str, ...]:
        """What clusters a reader must know of."""
        if self.degrees_of_freedom is None or self._equal_clusters >= FEW:
            return ()
        clusters = f"{self._equal_clusters:.0f}"
        return (f"only {clusters} clusters: error rates are approximate below {FEW}",)

    @property
    def _equal_clusters(self) -> float:
        """How many clusters of equal size would say as much."""
        sizes = self.counts.cluster_sizes
        return float(sizes.sum() ** 2 / (sizes @ sizes))
