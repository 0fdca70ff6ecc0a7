"""The evidence while answers came in: the e-value of a claim and of its opposite, as inline SVG."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pytest_vlm.report.html_markup import Html, el, join

WIDTH, HEIGHT = 420, 216
LEFT, RIGHT = 58, WIDTH - 14
MIDDLE = (LEFT + RIGHT) / 2
TOP, BOTTOM = 24, HEIGHT - 40
LOWEST, TICKS, ROOM = -3.0, 5, 18
STEPS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 10_000, 100_000, 10**9)
SAID = {"holds": "for the claim", "against": "against it"}
LEGEND = (
    "An e-value of 20 means: 20 times the stake, had one bet against the opposite from the first "
    "sample on. It may be looked at after every sample, so the largest so far is drawn; from the "
    "line on, it counts."
)
Curves = Mapping[str, Sequence[tuple[float, float]]]
ABOUT = {"dataset": " It is shown for these samples only, not for others like them."}


@dataclass(frozen=True, kw_only=True)
class Axes:
    """Samples to the right, e-values upwards by their decimal logarithm."""

    samples: int
    low: float
    high: float

    def x(self, n: float) -> float:
        """Pixels from the left."""
        return round(LEFT + n / self.samples * (RIGHT - LEFT), 1)

    def y(self, log_e: float) -> float:
        """Pixels from the top; what is off the picture lies on its edge."""
        inside = min(max(log_e, self.low), self.high)
        return round(BOTTOM - (inside - self.low) / (self.high - self.low) * (BOTTOM - TOP), 1)


def path_part(result: Mapping[str, Any]) -> Html:
    """The picture and its words; nothing without early stopping."""
    curves = _curves(result)
    if not curves:
        return Html("")
    words = saved(result)
    target = ABOUT.get(str(result.get("target")), "")
    return el(
        "figure",
        _picture(curves, result, words),
        el("figcaption", el("b", words), ". ", LEGEND, target),
        class_="path",
    )


def saved(result: Mapping[str, Any]) -> str:
    """How many samples were needed: ``decided after 320 of 2,000 samples; 1,680 saved``."""
    used, planned, stopped = (result[name] for name in ("n_used", "n_planned", "stopped_at"))
    if stopped is None and result["verdict"] == "inconclusive":
        return f"not decided after {used:,} of {planned:,} samples"
    if stopped is None or stopped == planned:
        return f"decided after all {planned:,} samples"
    asked = f"{used:,} were asked, " if used > stopped else ""
    left = f"{planned - used:,} saved" if used < planned else "none saved"
    return f"decided after {stopped:,} of {planned:,} samples; {asked}{left}"


def _curves(result: Mapping[str, Any]) -> Curves:
    """(samples, decimal logarithm) of both; a claim that nothing can show early has but one."""
    path = [point for point in result.get("path") or () if all(map(math.isfinite, point))]
    against = [(float(n), value / math.log(10)) for n, _, value in path]
    holds = [(float(n), value / math.log(10)) for n, value, _ in path]
    curves = {"against": against, "holds": holds}
    if result.get("claim") == "no_regression":
        del curves["holds"]
    return curves if path else {}


def _picture(curves: Curves, result: Mapping[str, Any], words: str) -> Html:
    target = math.log10(1 / result["alpha"])
    ends = {kind: points[-1] for kind, points in curves.items()}
    values = [value for points in curves.values() for _, value in points]
    last = max(n for n, _ in ends.values())
    axes = Axes(
        samples=max(result["n_planned"], int(last), 1),
        low=max(math.floor(min(values)), LOWEST) if min(values) < 0 else -1.0,
        high=max(*values, target) + 0.5,
    )
    line = axes.y(target)
    free, anchor = (RIGHT, "end") if axes.x(last) < MIDDLE else (LEFT, "start")
    return el(
        "svg",
        el("title", words),
        *_grid(axes),
        el("line", class_="target", x1=LEFT, x2=RIGHT, y1=line, y2=line),
        el("text", f"1/α = {1 / result['alpha']:g}", x=free, y=line - 5, text_anchor=anchor),
        *(_curve(axes, points, kind) for kind, points in curves.items()),
        *_labels(axes, ends),
        el("text", "samples", x=MIDDLE, y=HEIGHT - 4, text_anchor="middle"),
        el(
            "text",
            "e-value",
            x=-(TOP + BOTTOM) / 2,
            y=12,
            text_anchor="middle",
            transform="rotate(-90)",
        ),
        class_="evalues",
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
        role="img",
        aria_label=f"e-value by samples: {words}",
    )


def _grid(axes: Axes) -> Iterator[Html]:
    least = (axes.high - axes.low) / TICKS
    step = next(s for s in STEPS if s >= least)
    first = math.ceil(axes.low / step) * step
    for exponent in range(first, math.floor(axes.high) + 1, step):
        y = axes.y(exponent)
        yield el("line", class_="grid", x1=LEFT, x2=RIGHT, y1=y, y2=y)
        yield el("text", _power(exponent), x=LEFT - 6, y=y + 4, text_anchor="end")
    for quarter in range(0, 5, 2):
        n = round(axes.samples * quarter / 4)
        anchor = ("start", "", "middle", "", "end")[quarter]
        yield el("text", f"{n:,}", x=axes.x(n), y=BOTTOM + 16, text_anchor=anchor)


def _power(exponent: int) -> str:
    return f"{10**exponent:,}" if exponent <= 4 else f"1e{exponent}"


def _curve(axes: Axes, points: Sequence[tuple[float, float]], kind: str) -> Html:
    steps = join(f"L{axes.x(n)} {axes.y(value)}" for n, value in points)
    return el("path", class_=kind, d=f"M{axes.x(0)} {axes.y(0)}{steps}")


def _labels(axes: Axes, ends: Mapping[str, tuple[float, float]]) -> Iterator[Html]:
    """At the curves' ends: above the upper one, below the lower one if there is room."""
    upper = max(ends, key=lambda kind: ends[kind][1])
    for kind, (n, value) in ends.items():
        x, y = axes.x(n), axes.y(value)
        above = kind == upper or y > BOTTOM - ROOM
        off = f", below {_power(math.floor(axes.low))}" if value < axes.low else ""
        anchor = "start" if x < MIDDLE else "end"
        shifted = round(y - 9 if above else y + 17, 1)
        yield el("circle", class_=kind, cx=x, cy=y, r=3.5)
        yield el("text", SAID[kind], off, class_=kind, x=x, y=shifted, text_anchor=anchor)
