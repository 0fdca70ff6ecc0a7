"""Arguments, checked: every refusal names the argument and shows what was found."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from decimal import Decimal
from numbers import Integral, Real
from typing import Literal, cast

import numpy as np

from pytest_vlm.errors import StatisticsError

LEAST_RANGE, LARGEST_RANGE = 1e-50, 1e50  # cubes of differences stay within a float
LONGEST = 80


def real(
    name: str,
    value: object,
    *,
    low: float = -math.inf,
    high: float = math.inf,
    closed: Literal["neither", "left", "both"] = "neither",
) -> float:
    """A number of any real type between two limits; `closed` ones may be reached.

    Raises:
        StatisticsError: no number (a truth value is none), not finite, or outside.
    """
    number = float_of(value)
    if number is None or isinstance(value, bool | np.bool_):
        raise StatisticsError(f"{name} must be a number, found {shown(value)}")
    after_low = low <= number if closed != "neither" else low < number
    before_high = number <= high if closed == "both" else number < high
    if not (math.isfinite(number) and after_low and before_high):
        raise StatisticsError(f"{name} must {_limits(low, high)}, found {shown(value)}")
    return number


def whole(name: str, value: object, *, least: int) -> int:
    """A whole number of any type.

    Raises:
        StatisticsError: no whole number, or a smaller one.
    """
    is_whole = isinstance(value, Integral) and not isinstance(value, bool | np.timedelta64)
    if not is_whole or (number := int(cast(Integral, value))) < least:
        raise StatisticsError(
            f"{name} must be a whole number from {least} on, found {shown(value)}"
        )
    return number


def generator_of(rng: object) -> np.random.Generator:
    """A generator, or one from a seed.

    Raises:
        StatisticsError: neither.
    """
    if isinstance(rng, np.random.Generator):
        return rng
    return np.random.default_rng(whole("rng", rng, least=0))


def one_of(name: str, value: object, known: Iterable[str]) -> str:
    """A word out of the known ones.

    Raises:
        StatisticsError: another one.
    """
    words = tuple(known)
    if isinstance(value, str) and value in words:
        return value
    raise StatisticsError(f"unknown {name} {shown(value)}; known are {', '.join(words)}")


def bounds_of(bounds: object) -> tuple[float, float]:
    """Smallest and largest possible value of a score.

    Raises:
        StatisticsError: not two finite numbers in this order, or so close or so far apart that
            their cubes leave the range of a float.
    """
    if not isinstance(bounds, Sequence | np.ndarray) or len(bounds) != 2:
        raise StatisticsError(
            "bounds must be two numbers, the smallest and the largest possible value, for example "
            f"(0, 1), found {shown(bounds)}"
        )
    low, high = (real(f"bounds[{i}]", bound) for i, bound in enumerate(bounds))
    if not LEAST_RANGE <= high - low <= LARGEST_RANGE:
        raise StatisticsError(
            f"bounds must rise, by {LEAST_RANGE:g} to {LARGEST_RANGE:g}, found {low:g} to {high:g}"
        )
    return low, high


def float_of(value: object) -> float | None:
    """A number of any real type as a float, infinite where it is too large; None for the rest."""
    try:
        if isinstance(value, Real | Decimal) and not isinstance(value, np.generic):
            return float(value)
        array = np.asarray(value)
        return float(array) if array.ndim == 0 and array.dtype.kind in "biuf" else None
    except OverflowError:
        return math.inf
    except Exception:  # whatever a foreign type raises, it is no number
        return None


def shown(value: object) -> str:
    """A value in a message: its text, cut where it is long."""
    try:
        text = repr(value.item() if isinstance(value, np.generic) else value)
    except Exception:  # an integer of thousands of digits, or a foreign type
        return f"{type(value).__name__} without a text"
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."


def _limits(low: float, high: float) -> str:
    if math.isfinite(low) and math.isfinite(high):
        return f"lie between {low:g} and {high:g}"
    return "be finite" if math.isinf(low) else f"be finite and above {low:g}"
