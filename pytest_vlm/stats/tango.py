"""Tango's score test and interval for the difference of paired proportions.

Tango T. (1998), "Equivalence test and confidence interval for the difference in proportions for the
paired-sample design", Statistics in Medicine 17:891-908.
"""

from __future__ import annotations

import math

from pytest_vlm.stats.distributions import root


def tango_z(b: float, c: float, n: float, delta: float) -> float:
    """The score statistic of H0: candidate - baseline = delta.

    Args:
        b: pairs in which only the baseline is right; may be fractional (design effect).
        c: pairs in which only the candidate is right.
        n: pairs.
        delta: in (-1, 1).

    Returns:
        Standard normal under H0; 0 where nothing is discordant and delta is 0.
    """
    quadratic = 2 * n
    linear = -b - c + (2 * n - c + b) * delta
    constant = -b * delta * (1 - delta)
    root = math.sqrt(max(linear * linear - 4 * quadratic * constant, 0.0))
    q = (root - linear) / (2 * quadratic)
    variance = n * (2 * q + delta * (1 - delta))
    numerator = c - b - n * delta
    if variance <= 0:
        return 0.0 if numerator == 0 else math.copysign(math.inf, numerator)
    return numerator / math.sqrt(variance)


def tango_interval(b: float, c: float, n: float, critical: float) -> tuple[float, float]:
    """All delta whose |z| is at most the critical value, as (low, high)."""
    edge = 1 - 1e-12

    def crossing(target: float, fallback: float) -> float:
        low, high = (tango_z(b, c, n, side) - target for side in (-edge, edge))
        if low * high > 0:
            return fallback
        return root(lambda d: target - tango_z(b, c, n, d), -edge, edge)

    return crossing(critical, -1.0), crossing(-critical, 1.0)
