"""Whether a picture still is the accepted one: every pixel counts, and every region of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from pytest_vlm.errors import GoldenError
from pytest_vlm.golden.images.edges import REACH, beyond_moved_edges
from pytest_vlm.golden.images.pixels import Levels, Pixels
from pytest_vlm.golden.images.tolerance import EXACT, WINDOW, ImageTolerance
from pytest_vlm.report.model import GoldenMeasure

Box = tuple[float, float, float, float]  # x0, y0, x1, y1 in pixels; x1 and y1 are outside
Place = tuple[int, int, int, int]  # the same, in whole pixels
Mask = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class ImageComparison:
    """A picture against its golden.

    Attributes:
        problem: why it does not match; empty where it does.
        differing: (height, width), what differs beyond the level, on the smallest canvas that holds
            both pictures; None where they are of two kinds, or the same file.
        ignored: (height, width) of the golden, what was left out; None where nothing was.
        share: of the pixels that were compared, those that differ.
        place: around those that lie close together where they are densest; None without any, or
            where sizes differ.
        measures: the numbers beside their limits, those that decide first; none where kinds or
            sizes differ.
    """

    problem: str
    differing: Mask | None = field(repr=False)
    ignored: Mask | None = field(default=None, repr=False)
    share: float = 1.0
    place: Place | None = None
    measures: tuple[GoldenMeasure, ...] = ()

    @property
    def sentence(self) -> str:
        """What was found."""
        if self.problem:
            return f"Not the accepted picture: {self.problem}."
        if self.place is None:
            return "Every pixel that is compared is as accepted."
        return f"{self.share:.3%} of the pixels differ, within the tolerance."


def compare_pixels(
    golden: Pixels,
    other: Pixels,
    tolerance: ImageTolerance = EXACT,
    ignored: Sequence[Box] = (),
) -> ImageComparison:
    """Compare pixel by pixel, alpha as a channel of its own.

    Args:
        golden: the accepted picture.
        other: the one to be judged.
        tolerance: how far it may be.
        ignored: boxes that are left out of every number; every pixel that they touch is.

    Raises:
        GoldenError: a box that is empty or outside, or boxes that leave nothing to compare.
    """
    left_out = ignored_mask(golden, ignored)
    problems = []
    if golden.size != other.size:
        problems.append(f"the golden is {_by(golden)} px, this picture {_by(other)} px")
    if golden.kind != other.kind:
        problems.append(f"the golden is {golden.kind}, this picture {other.kind}")
        return ImageComparison(problem="; ".join(problems), differing=None, ignored=left_out)
    if problems:
        differing = _on_one_canvas(golden, other, left_out, tolerance)
        share = float(differing.mean())
        return ImageComparison(
            problem=problems[0], differing=differing, ignored=left_out, share=share
        )
    values = _outside(left_out, golden.values, other.values)
    differing = _differing(golden.values, values, tolerance)
    count, compared = int(differing.sum()), differing.size
    compared -= 0 if left_out is None else int(left_out.sum())
    share = count / compared
    region, place = _densest(differing)
    largest, channel = _largest(golden.values, values)
    problem = ""
    if place is not None and (share > tolerance.share or region > tolerance.region):
        x0, y0, x1, y1 = place
        problem = (
            f"{count:,} of {compared:,} pixels differ, {region} of them in one window of "
            f"{WINDOW}x{WINDOW}, most around ({x0}, {y0}) to ({x1}, {y1}); the largest difference "
            f"is {largest} of {golden.top} levels of {channel}"
        )
    return ImageComparison(
        problem=problem,
        differing=differing,
        ignored=left_out,
        share=share,
        place=place,
        measures=_measures(share, region, largest, tolerance),
    )


def identical(tolerance: ImageTolerance = EXACT) -> ImageComparison:
    """What a comparison of a picture with itself finds."""
    measures = _measures(0.0, 0, 0, tolerance)
    return ImageComparison(problem="", differing=None, share=0.0, measures=measures)


def _by(picture: Pixels) -> str:
    width, height = picture.size
    return f"{width}x{height}"


def _measures(
    share: float, region: int, largest: int, tolerance: ImageTolerance
) -> tuple[GoldenMeasure, ...]:
    window = f"most in {WINDOW}x{WINDOW} px"
    return (
        GoldenMeasure(name="differing share", value=share, limit=tolerance.share, better="lower"),
        GoldenMeasure(name=window, value=region, limit=tolerance.region, better="lower"),
        GoldenMeasure(name="largest level", value=largest, better="lower"),
    )


def ignored_mask(golden: Pixels, boxes: Sequence[Box]) -> Mask | None:
    """(height, width), the pixels that the boxes touch; None without boxes.

    Raises:
        GoldenError: a box that is empty or outside, or boxes that leave nothing to compare.
    """
    if not boxes:
        return None
    width, height = golden.size
    mask = np.zeros((height, width), dtype=bool)
    for x0, y0, x1, y1 in boxes:
        if not (0 <= x0 < min(x1, width) and 0 <= y0 < min(y1, height)):
            raise GoldenError(
                f"the ignored box ({x0}, {y0}, {x1}, {y1}) is empty or outside the golden, which "
                f"is {width}x{height} px; give (x0, y0, x1, y1) with x1 and y1 beyond its end"
            )
        right, bottom = math.ceil(min(x1, width)), math.ceil(min(y1, height))
        mask[math.floor(y0) : bottom, math.floor(x0) : right] = True
    if mask.all():
        raise GoldenError("the ignored boxes cover the golden, so that nothing would be compared")
    return mask


def _outside(ignored: Mask | None, golden: Levels, other: Levels) -> Levels:
    """The other picture, the golden's own where ignored: no edge arises around it."""
    if ignored is None:
        return other
    values = other.copy()
    values[ignored] = golden[ignored]
    return values


def _on_one_canvas(
    golden: Pixels, other: Pixels, ignored: Mask | None, tolerance: ImageTolerance
) -> Mask:
    """What differs in pictures of two sizes: all that lies in one of them only does."""
    height, width = np.maximum(golden.values.shape[:2], other.values.shape[:2])
    rows, columns = np.minimum(golden.values.shape[:2], other.values.shape[:2])
    both = np.s_[:rows, :columns]
    a, b = golden.values[both], other.values[both]
    differing = np.ones((height, width), dtype=bool)
    left_out = None if ignored is None else ignored[both]
    differing[both] = _differing(a, _outside(left_out, a, b), tolerance)
    return differing


def _differing(a: Levels, b: Levels, tolerance: ImageTolerance) -> Mask:
    unequal = _any_channel(a != b)
    box = _bounds(unequal)
    if box is None or not (tolerance.level or tolerance.moved_edges):
        return unequal
    if tolerance.moved_edges:
        part = _slices(_grown(box, REACH, unequal))
        beyond = beyond_moved_edges(a[part], b[part], tolerance.level)
    else:
        part = _slices(box)
        beyond = np.maximum(a[part], b[part]) - np.minimum(a[part], b[part]) > tolerance.level
    unequal[part] = _any_channel(beyond)
    return unequal


def _any_channel(flags: Mask) -> Mask:
    """Channel by channel: a reduction over so short an axis takes twenty times as long."""
    found = flags[..., 0].copy()
    for channel in range(1, flags.shape[2]):
        found |= flags[..., channel]
    return found


def _densest(differing: Mask) -> tuple[int, Place | None]:
    """The most in one window, and the box around what lies close together there."""
    box = _bounds(differing)
    if box is None:
        return 0, None
    part = np.pad(differing[_slices(box)], WINDOW)
    sums = part.cumsum(axis=0, dtype=np.int32).cumsum(axis=1)
    last, first = np.s_[WINDOW:], np.s_[:-WINDOW]
    counts = sums[last, last] - sums[first, last] - sums[last, first] + sums[first, first]
    row, column = np.unravel_index(int(counts.argmax()), counts.shape)
    x, y = box[0] + int(column) + 1 - WINDOW, box[1] + int(row) + 1 - WINDOW
    window = max(x, 0), max(y, 0), x + WINDOW, y + WINDOW
    return int(counts.max()), _gathered(differing, window)


def _gathered(differing: Mask, window: Place) -> Place:
    """From a window on, the box that no other differing pixel is within a window's size of."""
    box, smaller = window, None
    while box != smaller:
        smaller = box
        x0, y0, *_ = around = _grown(box, WINDOW, differing)
        inner = _bounds(differing[_slices(around)])
        assert inner is not None, "the window holds differing pixels"
        box = x0 + inner[0], y0 + inner[1], x0 + inner[2], y0 + inner[3]
    return box


def _largest(a: Levels, b: Levels) -> tuple[int, str]:
    """The largest difference of a channel, and which one."""
    channels = range(a.shape[2])
    distances = [
        int((np.maximum(a[..., n], b[..., n]) - np.minimum(a[..., n], b[..., n])).max())
        for n in channels
    ]
    channel = int(np.argmax(distances))
    colours = ("red", "green", "blue") if len(distances) > 2 else ("grey",)
    return distances[channel], colours[channel] if channel < len(colours) else "alpha"


def _bounds(mask: Mask) -> Place | None:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not rows.size:
        return None
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def _grown(box: Place, margin: int, within: Mask) -> Place:
    x0, y0, x1, y1 = box
    height, width = within.shape
    left, top = max(x0 - margin, 0), max(y0 - margin, 0)
    return left, top, min(x1 + margin, width), min(y1 + margin, height)


def _slices(box: Place) -> tuple[slice, slice]:
    x0, y0, x1, y1 = box
    return slice(y0, y1), slice(x0, x1)
