"""Margins and shares as people read them, and a table with a line for each margin."""

from __future__ import annotations

from collections.abc import Sequence

from pytest_vlm.commands.saying import say

MARGINS = (0.01, 0.02, 0.03, 0.05, 0.1)


def table(heads: Sequence[str], margins: Sequence[float], rows: Sequence[Sequence[str]]) -> None:
    """Print a line for each margin, numbers to the right."""
    cells = [heads, *([points(m), *row] for m, row in zip(margins, rows, strict=True))]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for line, (first, *others) in enumerate(cells):
        right = "".join(f"   {cell:>{w}}" for cell, w in zip(others, widths[1:], strict=True))
        say(f"  {first:<{widths[0]}}{right}", {"light": line == 0})


def points(share: float) -> str:
    """``5 points``."""
    return f"{100 * share:.6g} point{'s' * (share != 0.01)}"


def percent(share: float) -> str:
    """``93.4 %``; never 0 or 100 where it is not quite."""
    shown = f"{100 * share:.1f}"
    if shown == "100.0" and share < 1:
        return "over 99.9 %"
    return "under 0.1 %" if shown == "0.0" and share > 0 else f"{shown.removesuffix('.0')} %"
