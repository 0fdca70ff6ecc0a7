"""How far a map may be from its golden."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields

from pytest_vlm.errors import GoldenError
from pytest_vlm.heatmap.metrics import MapDistance
from pytest_vlm.report.model import GoldenMeasure


@dataclass(frozen=True, kw_only=True)
class Tolerance:
    """The limits; a number without one is reported and decides nothing.

    Attributes:
        pearson: smallest correlation of the cells. The default lets rounding to bfloat16 pass and
            catches a shift by one cell, two peaks of unlike height swapped, a hot cell and noise
            of 5 % of the maximum.
        smoothed_pearson: smallest correlation of both maps smoothed by one cell.
        max_deviation: largest deviation of the sum-normalised maps, as a share of the golden's
            maximum; it sees a small hot cell that correlation overlooks.
        peak_displacement: largest way between the two peaks, in cells.
        scale_ratio: largest factor, either way, between the two maps' total mass.

    Raises:
        GoldenError: no limit at all, or one that cannot be meant.
    """

    pearson: float | None = 0.994
    smoothed_pearson: float | None = None
    max_deviation: float | None = 0.3
    peak_displacement: float | None = None
    scale_ratio: float | None = None

    def __post_init__(self) -> None:
        limits = {field.name: getattr(self, field.name) for field in fields(self)}
        if all(limit is None for limit in limits.values()):
            raise GoldenError("a tolerance without any limit lets every map pass; give one")
        for name, limit in limits.items():
            least, most = RANGES[name]
            if limit is not None and not least <= limit <= most:
                raise GoldenError(f"{name}={limit} is no limit; it lies from {least} to {most}")

    def measures(self, distance: MapDistance) -> tuple[GoldenMeasure, ...]:
        """The numbers beside their limits, those that decide first."""
        found = [
            GoldenMeasure(name=WORDS["pearson"], value=distance.pearson, limit=self.pearson),
            GoldenMeasure(
                name=WORDS["smoothed_pearson"],
                value=distance.smoothed_pearson,
                limit=self.smoothed_pearson,
            ),
            GoldenMeasure(
                name=WORDS["max_deviation"],
                value=distance.max_deviation,
                limit=self.max_deviation,
                better="lower",
            ),
            GoldenMeasure(
                name=WORDS["peak_displacement"],
                value=distance.peak_displacement,
                limit=self.peak_displacement,
                better="lower",
            ),
            self._scale(distance.scale_ratio),
        ]
        return tuple(sorted(found, key=lambda measure: measure.limit is None))

    def _scale(self, ratio: float) -> GoldenMeasure:
        limit, name = self.scale_ratio, WORDS["scale_ratio"]
        if limit is not None and ratio < 1:
            return GoldenMeasure(name=name, value=ratio, limit=1 / limit)
        return GoldenMeasure(name=name, value=ratio, limit=limit, better="lower")


WORDS: Mapping[str, str] = {
    "pearson": "Pearson",
    "smoothed_pearson": "smoothed Pearson",
    "max_deviation": "largest deviation",
    "peak_displacement": "peak displacement",
    "scale_ratio": "scale ratio",
}
RANGES: Mapping[str, tuple[float, float]] = {
    "pearson": (-1, 1),
    "smoothed_pearson": (-1, 1),
    "max_deviation": (0, math.inf),
    "peak_displacement": (0, math.inf),
    "scale_ratio": (1, math.inf),
}
STRICT = Tolerance()
TOLERANT = Tolerance(pearson=None, smoothed_pearson=0.99)
NAMED: Mapping[str, Tolerance] = {"strict": STRICT, "tolerant": TOLERANT}


def tolerance_of(given: Tolerance | str) -> Tolerance:
    """A tolerance, or the one with that name.

    Raises:
        GoldenError: no such name.
    """
    if isinstance(given, Tolerance):
        return given
    if given not in NAMED:
        raise GoldenError(f"tolerance={given!r} is none of {', '.join(NAMED)}, and no Tolerance")
    return NAMED[given]


def told(measure: GoldenMeasure) -> str:
    """``Pearson 0.9962 (limit 0.994)``."""
    value = f"{measure.name} {measure.value:.4f}"
    return value if measure.limit is None else f"{value} (limit {measure.limit:.4g})"
