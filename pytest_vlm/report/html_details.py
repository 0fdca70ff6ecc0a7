"""What only some readers ask of a claim: further numbers, each with a line that says what it is."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from pytest_vlm.report.html_markup import Html, el
from pytest_vlm.report.html_path import path_part
from pytest_vlm.report.measures import p_value

EXPLAINED = {
    "p, adjusted": "after Bonferroni's correction for all claims of this run; it decides",
    "power": "the chance that an equally good candidate would pass, if as many answers change",
    "e-value": "evidence that may be looked at after every sample; it counts from 1/α on",
    "odds ratio": "won for each one lost, with its exact interval; 1 when neither is likelier",
    "Cliff's delta": "how often a candidate's value beats a baseline's, minus the reverse; −1 to 1",
}


def details_part(result: Mapping[str, Any]) -> Html:
    """The path of the e-value, open; then the numbers, folded. Nothing where there are none."""
    lines = [
        el("div", el("dt", name), el("dd", value), el("dd", EXPLAINED[name], class_="below"))
        for name, value in _numbers(result)
    ]
    folded = (
        el("details", el("summary", "more numbers"), el("dl", *lines, class_="explained"))
        if lines
        else ""
    )
    path = path_part(result)
    return el("div", path, folded, class_="details") if path or folded else Html("")


def _numbers(result: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    adjusted, power, e_value = (result.get(name) for name in ("p_adjusted", "power", "e_value"))
    if adjusted is not None and adjusted != result["p_value"]:
        yield "p, adjusted", p_value(adjusted)
    if power is not None:
        yield "power", f"{100 * power:.0f}\N{NO-BREAK SPACE}%"
    if e_value is not None:
        yield "e-value", f"{e_value:,.3g}"
    odds, ends = result.get("odds_ratio"), result.get("odds_ratio_ci")
    if ends is not None and (result["b"] or result["c"]):
        low, high = (_odds(end) for end in ends)
        yield "odds ratio", f"{_odds(odds)} ({low} to {high})"
    delta = result.get("cliffs_delta")
    if delta is not None:
        yield "Cliff's delta", f"{delta:+.3f}".replace("-", "\N{MINUS SIGN}")


def _odds(value: float | None) -> str:
    """JSON knows no infinity; None stands for it."""
    return "∞" if value is None or math.isinf(value) else f"{value:.2g}"
