"""Paired 0/1 scores, checked and counted."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pytest_vlm.errors import StatisticsError


@dataclass(frozen=True, kw_only=True)
class PairedCounts:
    """What paired binary data comes down to.

    Attributes:
        n: pairs.
        b: only the baseline is right.
        c: only the candidate is right.
        both: both are right.
        cluster_sums: (G,) sum of candidate - baseline in each cluster.
        cluster_sizes: (G,) pairs in each cluster.
    """

    n: int
    b: int
    c: int
    both: int
    cluster_sums: NDArray[np.float64]
    cluster_sizes: NDArray[np.float64]

    @property
    def clustered(self) -> bool:
        """Whether any cluster holds more than one pair."""
        return self.cluster_sizes.size < self.n

    @property
    def estimate(self) -> float:
        """Candidate - baseline, as a difference of proportions."""
        return (self.c - self.b) / self.n


def count_pairs(
    baseline: ArrayLike, candidate: ArrayLike, clusters: Sequence[Hashable] | None = None
) -> PairedCounts:
    """Count a pair of 0/1 arrays in which position i is one sample.

    Raises:
        StatisticsError: empty, of different length, not finite, or not 0/1.
    """
    a = _binary(baseline, "baseline")
    b = _binary(candidate, "candidate")
    if a.size != b.size:
        raise StatisticsError(
            f"baseline has {a.size} values and candidate {b.size}; pair them sample by sample"
        )
    difference = b - a
    if clusters is None:
        sums, sizes = difference, np.ones_like(difference)
    else:
        if len(clusters) != a.size:
            raise StatisticsError(f"{len(clusters)} cluster names for {a.size} pairs")
        index: dict[Hashable, int] = {}
        group = [index.setdefault(name, len(index)) for name in clusters]
        sums = np.bincount(group, weights=difference).astype(np.float64)
        sizes = np.bincount(group).astype(np.float64)
    return PairedCounts(
        n=a.size,
        b=int((difference < 0).sum()),
        c=int((difference > 0).sum()),
        both=int((a * b).sum()),
        cluster_sums=sums,
        cluster_sizes=sizes,
    )


def _binary(values: ArrayLike, side: str) -> NDArray[np.float64]:
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1 or array.size == 0:
        raise StatisticsError(f"{side} must be a non-empty list of numbers, found {array.shape}")
    if not np.isfinite(array).all():
        where = int(np.flatnonzero(~np.isfinite(array))[0])
        raise StatisticsError(f"{side}[{where}] is {array[where]}; every pair needs two numbers")
    if not np.isin(array, (0.0, 1.0)).all():
        where = int(np.flatnonzero(~np.isin(array, (0.0, 1.0)))[0])
        raise StatisticsError(f"{side}[{where}] is {array[where]}; a binary score is 0 or 1")
    return array
