"""Whether a map still is the accepted one."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from pytest_vlm.golden.tolerance import STRICT, Tolerance, told
from pytest_vlm.heatmap.heatmap import Heatmap
from pytest_vlm.heatmap.metrics import MapDistance, map_distance
from pytest_vlm.report.model import GoldenMeasure

SAME = MapDistance(
    pearson=1.0, smoothed_pearson=1.0, max_deviation=0.0, peak_displacement=0.0, scale_ratio=1.0
)


@dataclass(frozen=True, kw_only=True)
class GoldenComparison:
    """A map against its golden.

    Attributes:
        distance: the metrics; None where the maps could not be compared.
        measures: the same numbers beside their limits, those that decide first.
        problem: why it does not match; empty where it does.
    """

    distance: MapDistance | None
    measures: tuple[GoldenMeasure, ...] = ()
    problem: str

    @property
    def sentence(self) -> str:
        """What was found, with the numbers that decide."""
        if self.problem:
            return f"Not the accepted map: {self.problem}."
        deciding = [told(measure) for measure in self.measures if measure.limit is not None]
        return f"The accepted map: {', '.join(deciding)}."

    @property
    def nearness(self) -> tuple[bool, float]:
        """Larger for a better match."""
        pearson = -math.inf if self.distance is None else self.distance.pearson
        return not self.problem, pearson


def identical(tolerance: Tolerance = STRICT) -> GoldenComparison:
    """What comparing a map with itself gives."""
    return GoldenComparison(distance=SAME, measures=tolerance.measures(SAME), problem="")


def compare_maps(
    golden: Heatmap, other: Heatmap, tolerance: Tolerance = STRICT
) -> GoldenComparison:
    """Compare cell by cell; other cells or another method never match."""
    if golden.method != other.method:
        return _unlike(
            f"the golden was made by {golden.method!r}, this map by {other.method!r}; ask for "
            f"relevance(sample, method={golden.method!r}), or accept a new golden"
        )
    same = golden.boxes.shape == other.boxes.shape and (
        np.array_equal(golden.boxes, other.boxes)
        or np.allclose(golden.boxes, other.boxes, atol=0.01)
    )
    if not (
        same
        and np.array_equal(golden.media, other.media)
        and np.array_equal(golden.frame, other.frame)
    ):
        return _unlike(
            f"the maps do not have the same cells ({_cells(golden)} in the golden, "
            f"{_cells(other)} in this map): the picture's size or the image processor changed"
        )
    if not np.isfinite(other.values).all():
        broken = int((~np.isfinite(other.values)).sum())
        return _unlike(
            f"{broken} of {other.values.size} cells are not finite: the checkpoint overflowed; "
            "load it with ?dtype=float32 or ?dtype=bfloat16"
        )
    distance = map_distance(golden, other)
    measures = tolerance.measures(distance)
    problem = ", ".join(told(measure) for measure in measures if not measure.holds)
    return GoldenComparison(distance=distance, measures=measures, problem=problem)


def _cells(heatmap: Heatmap) -> str:
    x, y = heatmap.boxes[:, 2].max(), heatmap.boxes[:, 3].max()
    grid = heatmap.shape
    shape = "" if grid is None else f"{grid[0]} × {grid[1]}, "
    return f"{heatmap.values.size} cells ({shape}to {x:g}, {y:g})"


def _unlike(problem: str) -> GoldenComparison:
    return GoldenComparison(distance=None, problem=problem)
