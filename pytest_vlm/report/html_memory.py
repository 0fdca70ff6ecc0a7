"""What was in memory when a limit did not hold: one bar for each thing that happened, as SVG."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pytest_vlm.memory.size import format_size
from pytest_vlm.report.html_markup import Html, el
from pytest_vlm.report.model import MemoryRecord

WIDTH, ROW, TOP = 560, 20, 22
LEFT, RIGHT = 230, WIDTH - 12
SHOWN = 26
LEGEND = (
    "A bar is what was in use at the end of a step, above the start; its tick is the peak so far; "
    "the broken line is the limit."
)


@dataclass(frozen=True, kw_only=True)
class Axis:
    """Bytes to the right."""

    most: int

    def x(self, size: float) -> float:
        """Pixels from the left; less than nothing is nothing."""
        return round(LEFT + max(size, 0) / self.most * (RIGHT - LEFT), 1)


def memory_figure(record: MemoryRecord) -> Html:
    """The picture and its words; only words where no moments are known."""
    words = (record.test, " (", record.checkpoint, "): ", _sentence(record))
    if not record.moments and not record.kept and not record.parts:
        return Html("")
    picture = _picture(record) if record.moments else ""
    legend = (". ", LEGEND) if record.moments else ()
    return el(
        "figure",
        picture,
        el("figcaption", el("b", *words), *legend, *_figures(record)),
        class_="path",
    )


def _sentence(record: MemoryRecord) -> str:
    made_of = ", ".join(f"{format_size(size)} {name}" for name, size in record.parts.items())
    kept = "; ".join(f"{what}, held by {by or 'unknown'}" for what, by in record.kept.items())
    size = "not measured" if record.bytes is None else format_size(record.bytes)
    return ": ".join(filter(None, (size, made_of, kept)))


def _figures(record: MemoryRecord) -> Iterator[object]:
    for name, size in record.figures.items():
        yield el("span", f" {name}: {format_size(size)}.")


def _picture(record: MemoryRecord) -> Html:
    moments = list(record.moments)
    limit = record.limit or 0
    axis = Axis(most=max([limit, 1, *(moment["peak"] for moment in moments)]))
    height = TOP + ROW * len(moments) + 6
    return el(
        "svg",
        el("title", f"memory of {record.test}, step by step"),
        *(part for row, moment in enumerate(moments) for part in _row(axis, row, moment)),
        *_limit(axis, limit, height),
        class_="moments",
        viewBox=f"0 0 {WIDTH} {height}",
        role="img",
        aria_label=f"memory in use, in {len(moments)} steps up to {format_size(record.bytes or 0)}",
    )


def _row(axis: Axis, row: int, moment: Mapping[str, Any]) -> Iterator[Html]:
    y = TOP + ROW * row
    what, peak = str(moment["what"]), axis.x(moment["peak"])
    short = what if len(what) <= SHOWN else f"{what[: SHOWN - 1]}…"
    yield el("text", f"{moment['seconds']:.2f} s", x=52, y=y + 13, text_anchor="end")
    yield el("text", short, x=60, y=y + 13)
    yield el(
        "rect",
        el("title", f"{what}: {format_size(moment['bytes'])} in use"),
        x=LEFT,
        y=y + 3,
        width=round(axis.x(moment["bytes"]) - LEFT, 1),
        height=ROW - 7,
    )
    yield el("line", class_="peak", x1=peak, x2=peak, y1=y + 1, y2=y + ROW - 2)


def _limit(axis: Axis, limit: int, height: int) -> Iterator[Html]:
    if limit:
        x = axis.x(limit)
        anchor = "end" if x > (LEFT + RIGHT) / 2 else "start"
        yield el("line", class_="limit", x1=x, x2=x, y1=TOP - 4, y2=height)
        yield el("text", f"limit {format_size(limit)}", x=x, y=TOP - 9, text_anchor=anchor)
