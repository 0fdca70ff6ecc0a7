"""How much a device's maps differ from run to run, and which tolerance leaves room for that."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from itertools import permutations

from pytest_vlm.errors import GoldenError
from pytest_vlm.golden.comparison import compare_maps
from pytest_vlm.golden.tolerance import NAMED, STRICT, WORDS, Tolerance
from pytest_vlm.heatmap.heatmap import Heatmap
from pytest_vlm.heatmap.metrics import MapDistance
from pytest_vlm.report.model import GoldenMeasure

HEADROOM = 1.5  # a limit leaves room for noise so many times as large as the worst pair's
SHIFTED = 0.955  # Pearson of a map with itself, shifted by one cell
HIGHER = ("pearson", "smoothed_pearson")


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """Noise, measured.

    Attributes:
        runs: how many maps were compared with each other.
        worst: of every number, the worst of all pairs of runs.
        golden: the same between the runs and the nearest accepted golden; None without one.
        proposed: the tolerance; None where the maps differ so much that no limit could tell a
            regression from noise.
    """

    runs: int
    worst: MapDistance
    golden: MapDistance | None
    proposed: Tolerance | None

    @classmethod
    def of(cls, maps: Sequence[Heatmap], goldens: Sequence[Heatmap] = ()) -> Calibration:
        """Compare maps of one answer with each other, and with what was accepted.

        Raises:
            GoldenError: fewer than two maps, or maps that cannot be compared with each other.
        """
        if len(maps) < 2:
            raise GoldenError(f"{len(maps)} runs: noise is a difference, so it takes at least 2")
        worst = _worst([_distance(one, other) for one, other in permutations(maps, 2)])
        against = [
            _worst([_distance(golden, one) for one in maps])
            for golden in goldens
            if compare_maps(golden, maps[0]).distance is not None
        ]
        return cls(
            runs=len(maps),
            worst=worst,
            golden=max(against, key=lambda distance: distance.pearson, default=None),
            proposed=_propose(worst),
        )

    @property
    def sentence(self) -> str:
        """What to do, in one line."""
        start = f"Calibrated over {self.runs} runs, not checked: "
        if self.proposed is None:
            return (
                f"{start}these runs differ by as much as a map moved by one cell (Pearson "
                f"{self.worst.pearson:.4f}), so that no tolerance can tell; compute in float32."
            )
        return f"{start}use check(relevance(sample), tolerance={_written(self.proposed)})."

    @property
    def measures(self) -> tuple[GoldenMeasure, ...]:
        """The worst numbers beside the limits proposed."""
        return (self.proposed or STRICT).measures(self.worst)

    def __str__(self) -> str:
        rows = [("", "worst of two runs", "limit", "worst against the golden")]
        for name, words in WORDS.items():
            limit = None if self.proposed is None else getattr(self.proposed, name)
            golden = "-" if self.golden is None else f"{getattr(self.golden, name):.7f}"
            shown = "-" if limit is None else f"{limit:g}"
            rows.append((words, f"{getattr(self.worst, name):.7f}", shown, golden))
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = [
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            for row in rows
        ]
        return "\n".join([self.sentence, *lines])


def _distance(golden: Heatmap, other: Heatmap) -> MapDistance:
    found = compare_maps(golden, other)
    if found.distance is None:
        raise GoldenError(f"two runs made maps that cannot be compared: {found.problem}")
    return found.distance


def _worst(distances: Sequence[MapDistance]) -> MapDistance:
    worst = {
        field.name: (min if field.name in HIGHER else max)(
            getattr(distance, field.name) for distance in distances
        )
        for field in fields(MapDistance)
    }
    return MapDistance(**worst)


def _propose(worst: MapDistance) -> Tolerance | None:
    """A named tolerance where it leaves room, else limits of the device's own."""
    room = MapDistance(
        # A correlation falls with the square of the noise.
        pearson=1 - HEADROOM**2 * (1 - worst.pearson),
        smoothed_pearson=1 - HEADROOM**2 * (1 - worst.smoothed_pearson),
        max_deviation=HEADROOM * worst.max_deviation,
        peak_displacement=worst.peak_displacement,
        scale_ratio=worst.scale_ratio,
    )
    for tolerance in NAMED.values():
        if all(measure.holds for measure in tolerance.measures(room)):
            return tolerance
    if not room.pearson > SHIFTED or not math.isfinite(room.max_deviation):
        return None
    return Tolerance(
        pearson=math.floor(room.pearson * 1000) / 1000,
        max_deviation=math.ceil(room.max_deviation * 100) / 100,
    )


def _written(tolerance: Tolerance) -> str:
    """As a test writes it."""
    for name, one in NAMED.items():
        if one == tolerance:
            return f'"{name}"'
    limits = {field.name: getattr(tolerance, field.name) for field in fields(tolerance)}
    given = (f"{name}={limit:g}" for name, limit in limits.items() if limit is not None)
    return f"Tolerance({', '.join(given)})"
