"""Paired differences as whatever resamples or bets on them sees them: one sum a cluster."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True, eq=False)
class ClusterSums:
    """Differences in the score's better direction, summed over what belongs together.

    Attributes:
        sums: (G,) of the differences of each cluster; independent pairs are clusters of one.
        sizes: (G,) pairs in each.
        reach: the largest difference of one pair that is possible; 0 where nothing bounds it.
    """

    sums: NDArray[np.float64]
    sizes: NDArray[np.float64]
    reach: float

    def mirrored(self) -> ClusterSums:
        """With baseline and candidate exchanged."""
        return replace(self, sums=-self.sums)

    def permuted(self, rng: np.random.Generator) -> ClusterSums:
        """In a random order of clusters."""
        return self.taken(rng.permutation(self.sums.size))

    def taken(self, order: NDArray[np.int64]) -> ClusterSums:
        """In the order of these places."""
        return replace(self, sums=self.sums[order], sizes=self.sizes[order])
