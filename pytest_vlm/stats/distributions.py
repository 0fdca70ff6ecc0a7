"""Tails of the normal, Student's and the binomial distribution, and roots, by the standard library.

scipy has all of them, and the tests hold these against it; but importing `scipy.special` and
`scipy.optimize` takes longer than a whole verdict whose answers are known.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from statistics import NormalDist

STANDARD = NormalDist()
SMALLEST = 5e-324
TINY = 1e-300
EPSILON = 1e-15
MOST_TERMS = 100_000


def normal_tail(z: float) -> float:
    """P(Z ≥ z)."""
    return math.erfc(z / math.sqrt(2)) / 2


def normal_quantile(tail: float) -> float:
    """The z with P(Z ≥ z) = tail."""
    return -STANDARD.inv_cdf(tail)


def student_tail(t: float, degrees_of_freedom: float) -> float:
    """P(T ≥ t)."""
    if math.isinf(t):
        return 0.0 if t > 0 else 1.0
    whole = degrees_of_freedom + t * t
    x, y = degrees_of_freedom / whole, t * t / whole
    tail = incomplete_beta(degrees_of_freedom / 2, 0.5, x, y) / 2
    return tail if t > 0 else 1 - tail


def student_quantile(tail: float, degrees_of_freedom: float) -> float:
    """The t with P(T ≥ t) = tail, for tails below one half."""
    reach = 2.0
    while student_tail(reach, degrees_of_freedom) > tail:
        reach *= 2
    return root(lambda t: tail - student_tail(t, degrees_of_freedom), 0.0, reach)


def fair_tail(k: int, n: int) -> float:
    """P(X > k) of Binomial(n, 1/2)."""
    return incomplete_beta(k + 1, n - k, 0.5, 0.5) if k < n else 0.0


def fair_probability(k: int, n: int) -> float:
    """P(X = k) of Binomial(n, 1/2)."""
    ways = math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
    return math.exp(ways - n * math.log(2))


def binomial_tail(k: float, n: float, probability: float) -> float:
    """P(X ≥ k) of Binomial(n, probability); k and n may be fractional (design effect)."""
    return incomplete_beta(k, n - k + 1, probability, 1 - probability) if k > 0 else 1.0


def incomplete_beta(a: float, b: float, x: float, y: float) -> float:
    """The regularised incomplete beta function I_x(a, b), for positive a and b.

    By its continued fraction (DLMF 8.17.22), evaluated with Lentz's method.

    Args:
        a: first parameter.
        b: second parameter.
        x: in [0, 1].
        y: 1 - x, which the caller knows more exactly where x is close to 1.
    """
    if x <= 0 or y <= 0:
        return float(y <= 0)
    if x > (a + 1) / (a + b + 2):
        return 1 - _by_fraction(b, a, y, x)
    return _by_fraction(a, b, x, y)


def root(
    function: Callable[[float], float], low: float, high: float, precision: float = 0.0
) -> float:
    """Where an increasing function changes its sign, by bisection; to the last digit by default."""
    while low < (middle := (low + high) / 2) < high and high - low > precision:
        if function(middle) < 0:
            low = middle
        else:
            high = middle
    return middle


def root_of_few(
    function: Callable[[float], float], low: float, high: float, precision: float
) -> float:
    """The same for a function that takes long: where it is still negative, at most `precision` off.

    Regula falsi, the Illinois way: Dowell & Jarratt (1971), "A modified regula falsi method", BIT
    11:168-174. An end that stays twice counts half, so that both close in; and no step is less than
    half the precision.
    """
    below, above = function(low), function(high)
    if below >= 0 or above <= 0:
        return low if below >= 0 else high
    side = 0
    while high - low > precision:
        middle = low + (high - low) * below / (below - above)
        middle = min(max(middle, low + precision / 2), high - precision / 2)
        value = function(middle)
        if value < 0:
            low, below = middle, value
            above /= 2 if side < 0 else 1
        else:
            high, above = middle, value
            below /= 2 if side > 0 else 1
        side = -1 if value < 0 else 1
    return low


def _by_fraction(a: float, b: float, x: float, y: float) -> float:
    """I_x(a, b) where x is not far above (a + 1) / (a + b + 2)."""
    front = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
    front += a * math.log(x) + b * math.log(y)
    return math.exp(front) / a / _fraction(a, b, x)


def _fraction(a: float, b: float, x: float) -> float:
    """1 + d1/(1 + d2/(1 + ...)) with the coefficients of DLMF 8.17.23."""
    value = c = 1.0
    d = 0.0
    for term in range(1, MOST_TERMS):
        m, odd = divmod(term, 2)
        if odd:
            coefficient = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        else:
            coefficient = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        d = 1 / (_away_from_zero(1 + coefficient * d))
        c = _away_from_zero(1 + coefficient / c)
        value *= c * d
        if abs(c * d - 1) < EPSILON:
            break
    return value


def _away_from_zero(value: float) -> float:
    return value if abs(value) > TINY else TINY
