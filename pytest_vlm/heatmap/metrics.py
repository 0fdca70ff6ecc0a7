"""Numbers that say how far two maps are apart."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pytest_vlm.heatmap.grids import CellGrid, cell_grids
from pytest_vlm.heatmap.heatmap import Heatmap

NEAR_PEAK = 0.98
ROUNDING = 1e-20  # of squares of double precision

Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class MapDistance:
    """A golden's map against another of the same cells.

    Attributes:
        pearson: correlation of the cell values; shape only, blind to scale.
        smoothed_pearson: of both maps smoothed by a gaussian of one cell: blind to the noise of
            single cells.
        max_deviation: largest |p - q| of the sum-normalised maps, over the golden's maximum: sees
            the single hot cell.
        peak_displacement: cells from the golden's peak to the other's, both smoothed as above;
            infinite where they lie in two pictures, or a map has no mass.
        scale_ratio: total mass of the other map over the golden's.
    """

    pearson: float
    smoothed_pearson: float
    max_deviation: float
    peak_displacement: float
    scale_ratio: float


def map_distance(golden: Heatmap, other: Heatmap) -> MapDistance:
    """Compare two maps cell by cell.

    Two constant maps have the same shape (Pearson 1); one constant map has none in common (0).

    Raises:
        ValueError: the maps do not have as many cells.
    """
    if golden.values.shape != other.values.shape:
        raise ValueError(
            f"maps of {golden.values.size} and {other.values.size} cells cannot be compared"
        )
    if np.array_equal(golden.values, other.values):
        return MapDistance(
            pearson=1.0,
            smoothed_pearson=1.0,
            max_deviation=0.0,
            peak_displacement=0.0,
            scale_ratio=1.0,
        )
    both = np.array([golden.values, other.values], dtype=np.float64)
    mass, other_mass = both.sum(axis=1).tolist()
    if mass <= 0 or other_mass <= 0:
        return MapDistance(
            pearson=0.0,
            smoothed_pearson=0.0,
            max_deviation=math.inf,
            peak_displacement=math.inf,
            scale_ratio=other_mass / mass if mass > 0 else math.inf,
        )
    shares = both / np.array([[mass], [other_mass]])
    even = smoothed(shares, cell_grids(golden.boxes, golden.media, golden.frame))
    return MapDistance(
        pearson=correlation(*shares),
        smoothed_pearson=correlation(*even),
        max_deviation=float(np.abs(shares[0] - shares[1]).max() / shares[0].max()),
        peak_displacement=_displacement(golden, *even),
        scale_ratio=other_mass / mass,
    )


def correlation(p: Array, q: Array) -> float:
    """Pearson's; 1 for two constants, 0 for one of them."""
    a, b = p - p.mean(), q - q.mean()
    squares, other_squares = float(a @ a), float(b @ b)
    constant = squares <= ROUNDING * float(p @ p)
    other_constant = other_squares <= ROUNDING * float(q @ q)
    if constant or other_constant:
        return float(constant and other_constant)
    return min(max(float(a @ b) / math.sqrt(squares * other_squares), -1.0), 1.0)


def smoothed(values: Array, grids: list[CellGrid]) -> Array:
    """(..., n) values under a gaussian whose standard deviation is one cell of their own grid.

    A cell becomes the weighted mean of those around it in its grid, so borders, holes and other
    resolutions of the same picture neither add nor take anything.
    """
    result = np.empty_like(values)
    for grid in grids:
        vertical, horizontal = (_gaussian(length) for length in grid.shape)
        weights = vertical @ grid.table(np.ones(grid.cells.size)) @ horizontal
        sums = vertical @ grid.table(values[..., grid.cells]) @ horizontal
        result[..., grid.cells] = (sums / weights)[..., grid.rows, grid.columns]
    return result


def _gaussian(length: int) -> Array:
    """(length, length) weights of one place in another."""
    places = np.arange(length)
    weights: Array = np.exp(-0.5 * places**2.0)[np.abs(places[:, None] - places)]
    return weights


def _displacement(cells: Heatmap, golden: Array, other: Array) -> float:
    """Cells between the two peaks.

    Of several cells that are nearly the largest, rounding decides which one is. So the other's
    peak may be wherever the golden nearly has one, and the other way round.
    """
    peak, other_peak = int(golden.argmax()), int(other.argmax())
    near, other_near = golden >= NEAR_PEAK * golden.max(), other >= NEAR_PEAK * other.max()
    if other_near[peak] or near[other_peak]:
        return 0.0
    size = cells.boxes[peak, 2:] - cells.boxes[peak, :2]
    centres = (cells.boxes[:, :2] + cells.boxes[:, 2:]) / 2 / size
    apart = [
        np.hypot(*(centres[found] - centres[start]).T)
        for start, found in (
            (peak, other_near & _in_picture(cells, peak)),
            (other_peak, near & _in_picture(cells, other_peak)),
        )
    ]
    return float(np.concatenate(apart).min(initial=math.inf))


def _in_picture(cells: Heatmap, of: int) -> NDArray[np.bool_]:
    """Which cells lie in the picture of one of them."""
    same: NDArray[np.bool_] = (cells.media == cells.media[of]) & (cells.frame == cells.frame[of])
    return same
