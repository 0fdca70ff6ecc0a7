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

    def mirrored(self) -> PairedCounts:
        """The same pairs with right and wrong exchanged."""
        return PairedCounts(
            n=self.n,
            b=self.c,
            c=self.b,
            both=self.n - self.both - self.b - self.c,
            cluster_sums=-self.cluster_sums,
            cluster_sizes=self.cluster_sizes,
        )


def count_pairs(
    baseline: ArrayLike, candidate: ArrayLike, clusters: Sequence[Hashable] | None = None
) -> PairedCounts:
    """Count a pair of 0/1 arrays in which position i is one sample.

    Raises:
        StatisticsError: empty, of different length, not finite, or not 0/1.
    """
    a, b = paired_arrays(baseline, candidate)
    for side, values in (("baseline", a), ("candidate", b)):
        other = np.flatnonzero((values != 0) & (values != 1))
        if other.size:
            where = int(other[0])
            raise StatisticsError(f"{side}[{where}] is {values[where]}; a binary score is 0 or 1")
    difference = b - a
    sums, sizes = cluster_index(difference, clusters)
    return PairedCounts(
        n=a.size,
        b=int((difference < 0).sum()),
        c=int((difference > 0).sum()),
        both=int((a * b).sum()),
        cluster_sums=sums,
        cluster_sizes=sizes,
    )


def paired_arrays(
    baseline: ArrayLike, candidate: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Two arrays of finite numbers in which position i is one sample.

    Raises:
        StatisticsError: empty, of different length, or not finite.
    """
    a, b = _finite(baseline, "baseline"), _finite(candidate, "candidate")
    if a.size != b.size:
        raise StatisticsError(
            f"baseline has {a.size} values and candidate {b.size}; pair them sample by sample"
        )
    return a, b


def cluster_index(
    differences: NDArray[np.float64], clusters: Sequence[Hashable] | None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Sum and size of each cluster; every pair is one where none are given.

    Raises:
        StatisticsError: not one name for each pair.
    """
    if clusters is None:
        return differences, np.ones_like(differences)
    if len(clusters) != differences.size:
        raise StatisticsError(f"{len(clusters)} cluster names for {differences.size} pairs")
    index: dict[Hashable, int] = {}
    group = [index.setdefault(name, len(index)) for name in clusters]
    sums = np.bincount(group, weights=differences).astype(np.float64)
    return sums, np.bincount(group).astype(np.float64)


def _finite(values: ArrayLike, side: str) -> NDArray[np.float64]:
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise StatisticsError(f"{side} must be a list of numbers ({error})") from error
    if array.ndim != 1 or array.size == 0:
        raise StatisticsError(f"{side} must be a non-empty list of numbers, found {array.shape}")
    if not np.isfinite(array).all():
        where = int(np.flatnonzero(~np.isfinite(array))[0])
        raise StatisticsError(f"{side}[{where}] is {array[where]}; every pair needs two numbers")
    return array
