"""A small forest plot: estimate, interval, zero and margin of one claim, as inline SVG."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from pytest_vlm.report.html_markup import Html, el, join, tone
from pytest_vlm.report.measures import difference, interval, margins, unit, value_at
from pytest_vlm.report.model import ClaimRecord

WIDTH, HEIGHT = 220, 60
LEFT, RIGHT = 26, WIDTH - 26
TOP, BOTTOM = 16, 44
MIDDLE = (TOP + BOTTOM) / 2


@dataclass(frozen=True, kw_only=True)
class Scale:
    """From a gain to a position; one for all claims of a kind, so that rows compare."""

    low: float
    high: float

    @classmethod
    def of(cls, claims: Iterable[ClaimRecord]) -> Scale:
        """Wide enough for every interval and every margin."""
        shown = [0.0]
        for claim in claims:
            shown += [*(interval(claim.result) if claim.result else ()), *margins(claim)]
        finite = [value for value in shown if math.isfinite(value)]
        reach = max(max(finite) - min(finite), 0.01)
        return cls(low=min(finite) - reach / 10, high=max(finite) + reach / 10)

    def x(self, value: float) -> float:
        """Pixels from the left."""
        share = (value - self.low) / (self.high - self.low)
        return round(LEFT + share * (RIGHT - LEFT), 1)


def forest_plot(claim: ClaimRecord, scale: Scale) -> Html:
    """The plot, or nothing where there is no finite interval to draw."""
    if not claim.result:
        return Html("")
    low, estimate, high = interval(claim.result)
    if not all(math.isfinite(value) for value in (low, high, estimate)):
        return Html("")
    lines = margins(claim)
    words = (
        f"difference {_said(claim, estimate)}{unit(claim.result)}, "
        f"interval {_said(claim, low)} to {_said(claim, high)}"
    )
    if lines:
        words += f", margin {' and '.join(_said(claim, line) for line in lines)}"
    return el(
        "svg",
        el("title", words),
        _refuted(claim, scale),
        _rule(scale.x(0), "zero"),
        el("text", _nothing(claim), x=scale.x(0), y=HEIGHT - 4, text_anchor="middle"),
        *(join((_rule(scale.x(line), "margin"), _label(claim, line, scale))) for line in lines),
        _interval(scale, low, high, estimate),
        class_=f"forest {tone(claim.verdict)}",
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
        role="img",
        aria_label=words,
    )


def _refuted(claim: ClaimRecord, scale: Scale) -> Html:
    """Shade where the claim does not hold."""
    lines = margins(claim)
    if not lines and claim.claim != "better":
        return Html("")
    left = scale.x(lines[0] if lines else 0.0)
    spans = [(LEFT - 4.0, left)]
    if claim.claim == "equivalent":
        spans.append((scale.x(lines[1]), RIGHT + 4.0))
    return join(
        el("rect", class_="zone", x=a, y=TOP, width=round(b - a, 1), height=BOTTOM - TOP)
        for a, b in spans
    )


def _rule(x: float, kind: str) -> Html:
    return el("line", class_=kind, x1=x, x2=x, y1=TOP - 2, y2=BOTTOM + 2)


def _label(claim: ClaimRecord, line: float, scale: Scale) -> Html:
    """Left of a lower margin, right of an upper one, so that labels never meet."""
    anchor, shift = ("end", 3) if line < 0 else ("start", -3)
    return el("text", _said(claim, line), x=scale.x(line) + shift, y=10, text_anchor=anchor)


def _said(claim: ClaimRecord, gained: float) -> str:
    return difference(claim.result, value_at(claim.result, gained))


def _nothing(claim: ClaimRecord) -> str:
    return "×1" if claim.result["kind"] == "positive" else "0"


def _interval(scale: Scale, low: float, high: float, estimate: float) -> Html:
    a, b, x = scale.x(low), scale.x(high), scale.x(estimate)
    return el(
        "g",
        el("path", d=f"M{a} {MIDDLE - 5}v10M{b} {MIDDLE - 5}v10M{a} {MIDDLE}H{b}"),
        el("circle", cx=x, cy=MIDDLE, r="5"),
        class_="interval",
    )
