"""Tests and intervals by drawing again: sign flips and the bootstrap, always of whole clusters.

0/1 scores need neither: their counts say all (see `exact`).
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from pytest_vlm.stats.cluster_sums import ClusterSums
from pytest_vlm.stats.means import PairedMeans
from pytest_vlm.stats.paired_test import Tested
from pytest_vlm.stats.result import Claim

RESAMPLES = 9999
ROWS = 128
DIGITS = 12
TIE = 1e-6


class Resampled:
    """What the t test of the same pairs says wherever nothing is drawn again."""

    def __init__(self, pairs: PairedMeans, rng: np.random.Generator) -> None:
        self._pairs = pairs
        self._rng = rng
        self._clusters = in_canonical_order(pairs.clusters)

    def against(self, null: float) -> Tested:
        """The t test."""
        return self._pairs.against(null)

    def interval(self, level: float) -> tuple[float, float]:
        """Of the t test."""
        return self._pairs.interval(level)

    def detectable(self, alpha: float) -> float:
        """By the t test."""
        return self._pairs.detectable(alpha)

    def required(self, claim: Claim, margin: float, alpha: float) -> int | None:
        """By the t test."""
        return self._pairs.required(claim, margin, alpha)

    def too_few(self) -> str:
        """As for the t test."""
        return self._pairs.too_few()

    def unshowable(self, margin: float, alpha: float) -> str:
        """As for the t test."""
        return self._pairs.unshowable(margin, alpha)

    def warnings(self) -> tuple[str, ...]:
        """As for the t test."""
        return self._pairs.warnings()


class SignFlips(Resampled):
    """Sign-flip permutation test: under H0 each cluster's sum is as likely positive as negative.

    Against a margin it takes the differences as symmetric around it, which a mean need not be.
    """

    def against(self, null: float) -> Tested:
        """(1 + as extreme) / (1 + resamples), Phipson & Smyth (2010)."""
        clusters = self._clusters
        below, above = sign_flip_p(clusters.sums - null * clusters.sizes, self._rng)
        statistic = self._pairs.difference - null
        return Tested(statistic, below, above, f"sign-flip permutation, {RESAMPLES:,} draws")


class Bootstrapped(Resampled):
    """The t test with a bootstrap interval: bias-corrected and accelerated (BCa)."""

    def against(self, null: float) -> Tested:
        """The t test."""
        tested = self._pairs.against(null)
        return Tested(
            tested.statistic, tested.below, tested.above, f"{tested.method}; BCa interval"
        )

    def interval(self, level: float) -> tuple[float, float]:
        """Of the mean difference; the t test's where all clusters are alike."""
        found = bootstrap_interval(self._clusters, level, self._rng)
        return self._pairs.interval(level) if found is None else found


def in_canonical_order(clusters: ClusterSums) -> ClusterSums:
    """The same one in whatever order the pairs come, and with the sides exchanged.

    What is drawn for a cluster goes by its place: so one seed gives one result. Sums are rounded,
    because the order of additions leaves traces that decide ties.
    """
    largest = float(np.abs(clusters.sums).max()) or 1.0
    rounded = np.round(clusters.sums / largest, DIGITS)
    towards = -1.0 if math.fsum(rounded) < 0 else 1.0
    order = np.lexsort((clusters.sizes, towards * rounded))
    return replace(clusters, sums=rounded * largest).taken(order)


def sign_flip_p(
    sums: np.ndarray, rng: np.random.Generator, resamples: int = RESAMPLES
) -> tuple[float, float]:
    """One-sided p values of "the sums are symmetric around 0": too small, too large.

    Args:
        sums: (G,) what is flipped.
        rng: draws a sign for each.
        resamples: how often all signs are drawn.
    """
    values = np.asarray(sums, dtype=np.float32)
    total, tie = float(values.sum()), TIE * float(np.abs(values).sum())
    below = above = 1
    padded = np.zeros(-(-values.size // 8) * 8, dtype=np.float32)
    padded[: values.size] = 2 * values
    for start in range(0, resamples, ROWS):
        rows = min(ROWS, resamples - start)
        drawn = rng.integers(0, 256, size=(rows, padded.size // 8), dtype=np.uint8)
        flipped = total - np.unpackbits(drawn, axis=1).astype(np.float32) @ padded
        below += int((flipped <= total + tie).sum())
        above += int((flipped >= total - tie).sum())
    return below / (resamples + 1), above / (resamples + 1)


def bootstrap_interval(
    clusters: ClusterSums, level: float, rng: np.random.Generator
) -> tuple[float, float] | None:
    """BCa interval of the mean difference by `scipy.stats.bootstrap`; None without any spread."""
    from scipy.stats import bootstrap

    if np.ptp(clusters.sums / clusters.sizes) == 0:
        return None
    found = bootstrap(
        (clusters.sums, clusters.sizes),
        lambda sums, sizes, axis: sums.sum(axis=axis) / sizes.sum(axis=axis),
        paired=True,
        vectorized=True,
        batch=256,
        confidence_level=level,
        n_resamples=RESAMPLES,
        rng=rng,
    ).confidence_interval
    if not (math.isfinite(found.low) and math.isfinite(found.high)):
        return None
    return float(found.low), float(found.high)
