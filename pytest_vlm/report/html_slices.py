"""Where the flips are: slices with their losses to the left and their wins to the right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pytest_vlm.report.html_markup import Html, clip, el, join, table
from pytest_vlm.report.measures import p_value
from pytest_vlm.stats.slices import FALSE_DISCOVERY_RATE

SHOWN = 8
WIDTH, HEIGHT, MIDDLE = 200, 20, 100
LONGEST_BAR = 72
NO_SLICE = "No tag and no image carries more of the losses than chance would give it."


def slices_part(slices: Sequence[Mapping[str, Any]]) -> Html:
    """What stands out as a sentence, then the slices as a table; nothing without slices.

    Where nothing stands out, the table is there to be opened.
    """
    if not slices:
        return Html("")
    found = [one["sentence"] for one in slices if one["p_adjusted"] <= FALSE_DISCOVERY_RATE]
    largest = max(max(one["losses"], one["wins"]) for one in slices)
    if not found:
        return el(
            "div",
            el("p", NO_SLICE, class_="soft"),
            _closed(slices, largest, ""),
            class_="slices",
        )
    rest = slices[SHOWN:]
    return el(
        "div",
        el("p", found[0], class_="finding", dir="auto"),
        _table(slices[:SHOWN], largest),
        _closed(rest, largest, " more") if rest else "",
        class_="slices",
    )


def _closed(slices: Sequence[Mapping[str, Any]], largest: int, more: str) -> Html:
    words = f"{len(slices)}{more} slice{'s' * (len(slices) > 1)}"
    return el("details", el("summary", words), _table(slices, largest))


def _table(slices: Sequence[Mapping[str, Any]], largest: int) -> Html:
    rows = (
        (
            join((el("span", f"{one['kind']} ", class_="soft"), clip(str(one["name"])))),
            f"{one['n']:,}",
            _bars(one["losses"], one["wins"], largest),
            p_value(one["p_adjusted"]),
        )
        for one in slices
    )
    headings = ("slice", "samples", "lost | won", "adjusted p")
    return table(headings, rows, numeric=("samples", "adjusted p"))


def _bars(losses: int, wins: int, largest: int) -> Html:
    words = f"{losses:,} lost, {wins:,} won"
    left, right = (round(LONGEST_BAR * count / max(largest, 1), 1) for count in (losses, wins))
    return el(
        "svg",
        el("title", words),
        el("rect", class_="lost", x=MIDDLE - left, y=3, width=left, height=14),
        el("rect", class_="won", x=MIDDLE, y=3, width=right, height=14),
        el("line", x1=MIDDLE, x2=MIDDLE, y1=0, y2=HEIGHT),
        el("text", f"{losses:,}", x=MIDDLE - left - 4, y=14, text_anchor="end"),
        el("text", f"{wins:,}", x=MIDDLE + right + 4, y=14),
        class_="bars",
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
        role="img",
        aria_label=words,
    )
