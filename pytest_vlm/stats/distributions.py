"""Tails of the distributions that the tests need, from scipy.special alone.

`scipy.stats` has the same numbers, but takes half a second to import.
"""

from __future__ import annotations

import math

from scipy import special


def normal_tail(z: float) -> float:
    """P(Z ≥ z)."""
    return float(special.ndtr(-z))


def normal_quantile(tail: float) -> float:
    """The z with P(Z ≥ z) = tail."""
    return -float(special.ndtri(tail))


def student_tail(t: float, degrees_of_freedom: float) -> float:
    """P(T ≥ t)."""
    return float(special.stdtr(degrees_of_freedom, -t))


def student_quantile(tail: float, degrees_of_freedom: float) -> float:
    """The t with P(T ≥ t) = tail."""
    return -float(special.stdtrit(degrees_of_freedom, tail))


def fair_tail(k: int, n: int) -> float:
    """P(X > k) of Binomial(n, 1/2)."""
    return float(special.bdtrc(k, n, 0.5)) if k < n else 0.0


def fair_probability(k: int, n: int) -> float:
    """P(X = k) of Binomial(n, 1/2)."""
    ways = special.gammaln(n + 1) - special.gammaln(k + 1) - special.gammaln(n - k + 1)
    return math.exp(float(ways) - n * math.log(2))
