"""A metric over the steps of a training, as one line of text."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise

BLOCKS = "▁▂▃▄▅▆▇█"
WIDTH = 60


def timeline(points: Mapping[int, float], encoding: str = "utf-8") -> str:
    """First value, course, last value: ``1.40 at 100  █▆▄▃▂▁▁▂  0.765 at 1,000``.

    Args:
        points: step to finite value; at least one.
        encoding: of the terminal. Where it knows no blocks, the course is left out.
    """
    steps = sorted(points)
    values = [points[step] for step in steps]
    course = sparkline(values)
    try:
        course.encode(encoding)
    except UnicodeEncodeError:
        course = "..."
    first, last = (f"{brief(points[step])} at {step:,}" for step in (steps[0], steps[-1]))
    return f"{first}  {course}  {last}"


def sparkline(values: Sequence[float]) -> str:
    """A block for each finite value; of more than 60, neighbours are averaged."""
    groups = min(len(values), WIDTH)
    cuts = [len(values) * group // groups for group in range(groups + 1)]
    shown = [_mean(values[a:b]) for a, b in pairwise(cuts)]
    low, high = min(shown), max(shown)
    top = len(BLOCKS) - 1
    if low == high:
        return BLOCKS[top // 2] * groups
    # Halved: the span of the largest numbers is no number any more.
    places = ((value / 2 - low / 2) / (high / 2 - low / 2) for value in shown)
    return "".join(BLOCKS[round(top * place)] for place in places)


def brief(value: float) -> str:
    """Three digits that count: ``0.661``, ``12.3``, ``4.5e-06``."""
    if not math.isfinite(value) or value == 0:
        return f"{value:g}"
    size = abs(value)
    if 1e-3 <= size < 1e5:
        return f"{value:.{max(0, 2 - math.floor(math.log10(size)))}f}"
    return f"{value:.1e}"


def _mean(values: Sequence[float]) -> float:
    # Divided first: the sum of large ones might be infinite.
    return math.fsum(value / len(values) for value in values)
