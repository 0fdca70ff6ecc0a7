"""Numbers that say how far two maps are apart."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True)
class MapDistance:
    """A golden's map against another.

    Attributes:
        pearson: correlation of the cell values; shape only, blind to scale.
        max_deviation: largest |p - q| of the sum-normalised maps, over the golden's maximum.
        scale_ratio: total mass of the other map over the golden's.
    """

    pearson: float
    max_deviation: float
    scale_ratio: float


def map_distance(golden: NDArray[np.float32], other: NDArray[np.float32]) -> MapDistance:
    """Compare two arrays of n cell values.

    Two constant maps have the same shape (Pearson 1); one constant map has none in common (0).
    """
    p = golden.astype(np.float64)
    q = other.astype(np.float64)
    mass_p, mass_q = p.sum(), q.sum()
    if np.array_equal(p, q):
        return MapDistance(pearson=1.0, max_deviation=0.0, scale_ratio=1.0)
    if mass_p <= 0 or mass_q <= 0:
        return MapDistance(
            pearson=0.0,
            max_deviation=float("inf"),
            scale_ratio=float(mass_q / mass_p) if mass_p > 0 else float("inf"),
        )
    share_p, share_q = p / mass_p, q / mass_q
    return MapDistance(
        pearson=_pearson(share_p, share_q),
        max_deviation=float(np.abs(share_p - share_q).max() / share_p.max()),
        scale_ratio=float(mass_q / mass_p),
    )


def _pearson(p: NDArray[np.float64], q: NDArray[np.float64]) -> float:
    a, b = p - p.mean(), q - q.mean()
    norms = float(np.linalg.norm(a) * np.linalg.norm(b))
    if norms == 0:
        return float(np.allclose(p, q))
    return float(np.clip(a @ b / norms, -1.0, 1.0))
