"""Whether a map still is the accepted one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pytest_vlm.heatmap.heatmap import Heatmap
from pytest_vlm.heatmap.metrics import MapDistance, map_distance


@dataclass(frozen=True, kw_only=True)
class Tolerance:
    """How far a map may be from its golden.

    The defaults let rounding to bfloat16 pass, and catch a shift by one cell, swapped peaks and a
    single hot cell.

    Attributes:
        pearson: smallest correlation of the cells.
        max_deviation: largest deviation of the sum-normalised maps, as a share of the golden's
            maximum.
    """

    pearson: float = 0.994
    max_deviation: float = 0.3


@dataclass(frozen=True, kw_only=True)
class GoldenComparison:
    """A map against its golden.

    Attributes:
        distance: the metrics; None where the maps could not be compared.
        problem: why it does not match; empty where it does.
    """

    distance: MapDistance | None
    problem: str


def compare_maps(
    golden: Heatmap, other: Heatmap, tolerance: Tolerance = Tolerance()
) -> GoldenComparison:
    """Compare cell by cell; other cells, another method or another sample never match."""
    if golden.method != other.method:
        return _unlike(f"the golden was made by {golden.method!r}, this map by {other.method!r}")
    same = golden.boxes.shape == other.boxes.shape and (
        np.allclose(golden.boxes, other.boxes, atol=0.01)
        and np.array_equal(golden.media, other.media)
        and np.array_equal(golden.frame, other.frame)
    )
    if not same:
        cells = f"{golden.values.size} cells in the golden, {other.values.size} in this map"
        return _unlike(f"the maps do not have the same cells ({cells})")
    distance = map_distance(golden.values, other.values)
    if distance.pearson < tolerance.pearson:
        problem = f"correlation {distance.pearson:.4f}, at least {tolerance.pearson} is needed"
    elif distance.max_deviation > tolerance.max_deviation:
        problem = (
            f"one cell deviates by {distance.max_deviation:.2f} of the golden's maximum, "
            f"at most {tolerance.max_deviation} is allowed"
        )
    else:
        problem = ""
    return GoldenComparison(distance=distance, problem=problem)


def _unlike(problem: str) -> GoldenComparison:
    return GoldenComparison(distance=None, problem=problem)
