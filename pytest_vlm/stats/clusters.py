"""How much less several questions about one image say than as many independent ones.

Cluster-robust variance (CR1) as in Miller (2024), "Adding Error Bars to Evals"; the design effect
scales the counts that Tango's score sees.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from pytest_vlm.stats.distributions import student_tail
from pytest_vlm.stats.pairs import PairedCounts

TOO_FEW, FEW = 10, 40
LEAST_CORRELATION = 0.3
ROUNDING = 1e-12


@dataclass(frozen=True, kw_only=True)
class ClusterDesign:
    """The effect of clustering on the effective sample.

    Attributes:
        deff: design effect, at least 1.
        clusters: number of clusters.
        effective_clusters: n² / Σm², the number of equal clusters that would say as much.
        standard_error: CR1 standard error of the mean difference.
    """

    deff: float
    clusters: int
    effective_clusters: float
    standard_error: float

    @property
    def degrees_of_freedom(self) -> float:
        """Of the t distribution that replaces the normal one."""
        return max(self.effective_clusters - 1, 1.0)


def cluster_design(counts: PairedCounts) -> ClusterDesign:
    """The design of clustered pairs; deff = max(1, V_CR1 / V_naive, 1 + 0.3(m̃ - 1)), m̃ = Σm²/n.

    Where not one pair differs the ratio is 0 / 0, and nothing speaks against questions about one
    image being the same question: deff = m̃.
    """
    n, sizes = counts.n, counts.cluster_sizes
    groups = int(sizes.size)
    mean = counts.estimate
    residuals = counts.cluster_sums - sizes * mean
    robust = groups / max(groups - 1, 1) * float(residuals @ residuals) / n**2
    naive = ((counts.b + counts.c) / n - mean**2) / max(n - 1, 1)
    squares = float(sizes @ sizes)
    average = squares / n
    ratio = robust / naive if naive > 0 else average  # nothing differs: assume the worst
    return ClusterDesign(
        deff=max(1.0, ratio, least_deff(sizes.tolist())),
        clusters=groups,
        effective_clusters=n**2 / squares,
        standard_error=math.sqrt(robust),
    )


def least_deff(sizes: Collection[float]) -> float:
    """The smallest design effect that is believed: 1 + 0.3(m̃ - 1), m̃ = Σm²/n."""
    average = sum(size * size for size in sizes) / sum(sizes)
    return 1 + LEAST_CORRELATION * (average - 1)


def cluster_t(counts: PairedCounts, design: ClusterDesign) -> tuple[float, float]:
    """T statistic of "no difference" and its one-sided p against "the candidate is worse".

    Without variance between clusters the sign decides: p = 2^-G for G clusters that all lose.
    """
    if design.clusters < 2:
        return 0.0, 1.0
    if design.standard_error > ROUNDING:
        statistic = counts.estimate / design.standard_error
        return statistic, student_tail(-statistic, design.degrees_of_freedom)
    losing = int(np.sum(counts.cluster_sums < 0))
    if counts.estimate == 0:
        return 0.0, 1.0
    return math.copysign(math.inf, counts.estimate), 0.5**losing if losing else 1.0
