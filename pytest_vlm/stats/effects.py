"""Effect sizes: how large a difference is, apart from how sure one may be of it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pytest_vlm.stats.distributions import incomplete_beta, root

PRECISION = 1e-12


def cliffs_delta(baseline: NDArray[np.float64], candidate: NDArray[np.float64]) -> float:
    """P(candidate > baseline) - P(candidate < baseline) over all n² pairings, in [-1, 1].

    Cliff N. (1993), "Dominance statistics: ordinal analyses to answer ordinal questions",
    Psychological Bulletin 114:494-509.

    Args:
        baseline: (n,) in the score's better direction.
        candidate: (n,) likewise.
    """
    ordered = np.sort(baseline)
    larger = np.searchsorted(ordered, candidate, side="left").sum()
    smaller = baseline.size * candidate.size - np.searchsorted(ordered, candidate, "right").sum()
    return float(larger - smaller) / (baseline.size * candidate.size)


def odds_ratio_interval(b: int, c: int, level: float) -> tuple[float, float | None]:
    """Exact interval of the odds c / b of discordant pairs, from Clopper & Pearson (1934).

    Returns:
        Low and high; None for a high without limit.
    """
    tail = (1 - level) / 2
    low = 0.0 if c == 0 else _beta_quantile(c, b + 1, tail)
    high = 1.0 if b == 0 else _beta_quantile(c + 1, b, 1 - tail)
    return low / (1 - low), None if high == 1 else high / (1 - high)


def _beta_quantile(a: float, b: float, probability: float) -> float:
    return root(lambda x: incomplete_beta(a, b, x, 1 - x) - probability, 0.0, 1.0, PRECISION)
