"""Random maps of four peaks, and what may happen to a map: the rows of the goldens' table.

The peaks' heights and widths are set so that the medians of 200 maps are those of the table. The
two main peaks do not lie in one place, and a hot cell is put where the map is cold: otherwise
swapping them, or heating it, would change nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SIDE = 32
HEIGHTS = (1.0, 0.67, 0.22, 0.12)
WIDTHS = (2.2, 3.0)
MARGIN = 4
APART = 6
FLOOR = 0.02
COLD = 0.25
KERNEL = 9

Grid = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Peaks:
    """A map of gaussians on a floor.

    Attributes:
        centres: (4, 2) rows and columns.
        widths: (4,) standard deviations in cells.
        heights: (4,) of the maximum of one.
    """

    centres: NDArray[np.float64]
    widths: NDArray[np.float64]
    heights: NDArray[np.float64]

    @classmethod
    def draw(cls, random: np.random.Generator) -> Peaks:
        """Any; the two main ones are some cells apart."""
        while True:
            centres = random.uniform(MARGIN, SIDE - MARGIN, (4, 2))
            if np.hypot(*(centres[0] - centres[1])) >= APART:
                break
        return cls(centres=centres, widths=random.uniform(*WIDTHS, 4), heights=np.array(HEIGHTS))

    def grid(self) -> Grid:
        """(32, 32) cells."""
        places = np.arange(SIDE)
        squares = (places[None, :, None] - self.centres.T[:, None, :]) ** 2  # (2, cells, peaks)
        down, across = np.exp(-squares / (2 * self.widths**2))
        return (FLOOR + (down * self.heights) @ across.T).astype(np.float32)

    def swapped(self) -> Peaks:
        """The two main peaks have each other's height."""
        return Peaks(centres=self.centres, widths=self.widths, heights=self.heights[[1, 0, 2, 3]])


Change = Callable[[Peaks, np.random.Generator], Grid]


def to_bfloat16(grid: Grid) -> Grid:
    """Rounded to the nearest bfloat16, ties to even."""
    bits = grid.view(np.uint32)
    rounded = (bits + np.uint32(0x7FFF) + ((bits >> 16) & np.uint32(1))) & np.uint32(0xFFFF0000)
    return rounded.view(np.float32)


def with_ulp_noise(peaks: Peaks, random: np.random.Generator) -> Grid:
    """Rounded to bfloat16 and off by up to one and a half steps of it."""
    grid = to_bfloat16(peaks.grid())
    steps = np.exp2(np.floor(np.log2(grid)) - 7)
    return to_bfloat16(grid + (steps * random.uniform(-1.5, 1.5, grid.shape)).astype(np.float32))


def blurred(peaks: Peaks, random: np.random.Generator) -> Grid:
    """By a gaussian of 0.7 cells."""
    steps = np.arange(KERNEL) - KERNEL // 2
    weights = np.exp(-(steps**2) / (2 * 0.7**2))
    padded = np.pad(peaks.grid(), KERNEL // 2, mode="symmetric")
    for axis in (0, 1):
        windows = np.lib.stride_tricks.sliding_window_view(padded, KERNEL, axis=axis)
        padded = windows @ (weights / weights.sum())
    return padded.astype(np.float32)


def noisy(peaks: Peaks, random: np.random.Generator) -> Grid:
    """Noise of 5 % of the maximum; relevance is never negative."""
    grid = peaks.grid()
    noise = random.normal(0, 0.05 * grid.max(), grid.shape)
    return np.maximum(grid + noise, 0).astype(np.float32)


def relatively_noisy(peaks: Peaks, random: np.random.Generator) -> Grid:
    """Noise of 5 % of each cell."""
    grid = peaks.grid()
    return (grid * np.maximum(1 + random.normal(0, 0.05, grid.shape), 0)).astype(np.float32)


def with_hot_cell(peaks: Peaks, random: np.random.Generator, share: float) -> Grid:
    """One cold cell gets a share of the maximum."""
    grid = peaks.grid()
    cold = np.flatnonzero(grid < COLD * grid.max())
    hot = grid.copy()
    hot.flat[random.choice(cold)] = share * grid.max()
    return hot


@dataclass(frozen=True, kw_only=True)
class Row:
    """One change of the table.

    Attributes:
        medians: of 200 maps: correlation, correlation of the smoothed maps, largest deviation and
            displacement of the peak.
        strict: whether it is harmless where Pearson alone decides.
        tolerant: whether it is harmless where noise is none of the candidate's business.
    """

    name: str
    change: Change
    medians: tuple[float, float, float, float]
    strict: bool = False
    tolerant: bool = False


HARMLESS = {"strict": True, "tolerant": True}
ROWS = (
    Row(
        name="bf16 rounding",
        change=lambda peaks, random: to_bfloat16(peaks.grid()),
        medians=(1, 1, 0.002, 0),
        **HARMLESS,
    ),
    Row(name="bf16 + 1.5 ulp noise", change=with_ulp_noise, medians=(1, 1, 0.011, 0), **HARMLESS),
    Row(
        name="shift by 1 cell",
        change=lambda peaks, random: np.roll(peaks.grid(), 1, axis=1),
        medians=(0.955, 0.961, 0.237, 1),
    ),
    Row(name="blur 0.7", change=blurred, medians=(0.999, 0.999, 0.065, 0), **HARMLESS),
    Row(
        name="two main peaks swapped",
        change=lambda peaks, random: peaks.swapped().grid(),
        medians=(0.916, 0.916, 0.331, 13),
    ),
    Row(
        name="noise, 5 % of the maximum",
        change=noisy,
        medians=(0.966, 0.996, 0.167, 0),
        tolerant=True,
    ),
    Row(
        name="noise, 5 % relative",
        change=relatively_noisy,
        medians=(0.998, 1, 0.090, 0),
        **HARMLESS,
    ),
    Row(
        name="×1.7",
        change=lambda peaks, random: peaks.grid() * np.float32(1.7),
        medians=(1, 1, 0, 0),
        **HARMLESS,
    ),
    Row(
        name="one hot cell, 2 × max",
        change=lambda peaks, random: with_hot_cell(peaks, random, 2),
        medians=(0.931, 0.992, 1.94, 0),
    ),
    Row(
        name="one hot cell, 0.9 × max",
        change=lambda peaks, random: with_hot_cell(peaks, random, 0.9),
        medians=(0.985, 0.998, 0.872, 0),
    ),
)
