"""What was in memory when a limit did not hold: one bar for each thing that happened, as SVG."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pytest_vlm.memory.size import format_size
from pytest_vlm.report.html_markup import Html, el
from pytest_vlm.report.model import MemoryRecord

WIDTH, ROW, TOP = 560, 20, 22
LEFT, RIGHT = 230, WIDTH - 72  # a figure fits beside the longest bar
SHOWN = 26
LEGEND = (
    "Above the start. Solid: in use at the end of a step. Faint: the peak, where the step raised "
    "it. Broken line: the limit."
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
    whose = el("b", record.test, " (", record.checkpoint, ")")
    if not record.moments and not record.kept and not record.parts:
        return Html("")
    picture = _picture(record) if record.moments else ""
    words = [el("p", whose, ": ", _sentence(record), "."), *_figures(record)]
    words += [el("p", LEGEND)] if record.moments else []
    return el("figure", picture, el("figcaption", *words), class_="path")


def _sentence(record: MemoryRecord) -> str:
    made_of = ", ".join(f"{format_size(size)} {name}" for name, size in record.parts.items())
    kept = "; ".join(f"{what}, held by {by or 'unknown'}" for what, by in record.kept.items())
    size = "not measured" if record.bytes is None else format_size(record.bytes)
    return ": ".join(filter(None, (size, made_of, kept)))


def _figures(record: MemoryRecord) -> Iterator[Html]:
    told = ", ".join(f"{name} {format_size(size)}" for name, size in record.figures.items() if size)
    if told:
        yield el("p", f"Of the device: {told}.")


def _picture(record: MemoryRecord) -> Html:
    moments = _raised(record.moments)
    limit = record.limit or 0
    axis = Axis(most=max([limit, 1, *(moment["peak"] for moment in moments)]))
    height = TOP + ROW * len(moments) + 6
    return el(
        "svg",
        el("title", f"memory of {record.test}, step by step"),
        *(part for row, moment in enumerate(moments) for part in _bars(axis, row, moment)),
        *_limit(axis, limit, height),
        *(part for row, moment in enumerate(moments) for part in _words(axis, row, moment)),
        class_="moments",
        viewBox=f"0 0 {WIDTH} {height}",
        role="img",
        aria_label=f"memory in use, in {len(moments)} steps up to {format_size(record.bytes or 0)}",
    )


def _raised(moments: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The moments; those that did not raise the peak have none."""
    peaks = [0, *(moment["peak"] for moment in moments)]
    pairs = zip(moments, peaks, strict=False)
    return [{**one, "peak": one["peak"] if one["peak"] > before else 0} for one, before in pairs]


def _bars(axis: Axis, row: int, moment: Mapping[str, Any]) -> Iterator[Html]:
    for kind, what in (("peak", "at most"), ("bytes", "in use at the end")):
        title = el("title", f"{moment['what']}: {format_size(moment[kind])} {what}")
        width = round(axis.x(moment[kind]) - LEFT, 1)
        if width:
            y = TOP + ROW * row + 3
            yield el("rect", title, class_=kind, x=LEFT, y=y, width=width, height=ROW - 6)


def _words(axis: Axis, row: int, moment: Mapping[str, Any]) -> Iterator[Html]:
    y, what, peak = TOP + ROW * row + 13, str(moment["what"]), moment["peak"]
    short = what if len(what) <= SHOWN else f"{what[: SHOWN - 1]}…"
    yield el("text", f"{moment['seconds']:.2f} s", x=52, y=y, text_anchor="end")
    yield el("text", el("title", what), short, x=60, y=y)
    if peak:
        yield el("text", format_size(peak), class_="peak", x=axis.x(peak) + 6, y=y)


def _limit(axis: Axis, limit: int, height: int) -> Iterator[Html]:
    if limit:
        x = axis.x(limit)
        anchor = "end" if x > (LEFT + RIGHT) / 2 else "start"
        yield el("line", class_="limit", x1=x, x2=x, y1=TOP - 4, y2=height)
        yield el("text", f"limit {format_size(limit)}", x=x, y=TOP - 9, text_anchor=anchor)
