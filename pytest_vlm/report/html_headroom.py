"""The numbers of a golden beside their limits, and how much of a tolerance is used."""

from __future__ import annotations

import math
from dataclasses import replace

from pytest_vlm.report.html_markup import Html, el, fact, icon, join, said
from pytest_vlm.report.model import GoldenMeasure

DECIMALS, MOST_DECIMALS = 4, 9
BAR_WIDTH, BAR_HEIGHT = 72, 6
SCARCE = 0.8  # of the tolerance, from which on the bar warns


def used(measure: GoldenMeasure) -> float | None:
    """The share of the tolerance that is used: 0 for a perfect match, above 1 beyond the limit.

    A perfect match is 1 where higher is better and of a ratio, else 0. None without a limit or a
    finite number.
    """
    if measure.limit is None or not math.isfinite(measure.value):
        return None
    perfect = 1.0 if measure.better == "higher" or measure.name.endswith("ratio") else 0.0
    away, allowed = abs(measure.value - perfect), abs(measure.limit - perfect)
    if allowed == 0:
        return 0.0 if measure.holds else math.inf
    return away / allowed if measure.holds else max(away / allowed, 1.0)


def value_words(measure: GoldenMeasure) -> str:
    """The number with as many decimals as it takes to see on which side of its limit it is."""
    value = measure.value
    if not math.isfinite(value):
        return str(value)
    if value == int(value):
        return f"{value:,.0f}"
    decimals = DECIMALS if abs(value) < 10 else 1
    while decimals < MOST_DECIMALS and (
        measure.holds != replace(measure, value=round(value, decimals)).holds
    ):
        decimals += 1
    return f"{value:,.{decimals}f}"


def numbers(measure: GoldenMeasure) -> Html:
    """``0.9962, limit 0.994`` with a bar of what is used of the tolerance."""
    if measure.limit is None:
        return join((value_words(measure),))
    words = f"{value_words(measure)}, limit {measure.limit:g}"
    return el("div", el("span", words), headroom(measure), class_="numbers")


def measured(measure: GoldenMeasure) -> Html:
    """One number under its name, above its limit; one that fails is marked."""
    if measure.limit is None:
        return fact(said(measure.name), value_words(measure), below="no limit")
    bound = "at least" if measure.better == "higher" else "at most"
    below = join((f"{bound} {measure.limit:g}", headroom(measure)))
    if measure.holds:
        return fact(said(measure.name), value_words(measure), below=below)
    failing = el("span", icon("cross"), value_words(measure), class_="beyond bad")
    return fact(said(measure.name), failing, below=below)


def headroom(measure: GoldenMeasure) -> Html:
    """A small bar; nothing where no share can be told."""
    share = used(measure)
    if share is None:
        return Html("")
    tone = "bad" if not measure.holds else "unsure" if share > SCARCE else "good"
    percent = f"{100 * share:.0f}\N{NO-BREAK SPACE}% of" if share < 10 else "more than ten times"
    words = f"{percent} the tolerance is used"
    bar = {"height": BAR_HEIGHT, "rx": BAR_HEIGHT / 2}
    return el(
        "svg",
        el("title", words),
        el("rect", class_="track", width=BAR_WIDTH, **bar),
        el("rect", class_="used", width=round(BAR_WIDTH * min(share, 1.0), 1), **bar),
        class_=f"headroom {tone}",
        preserveAspectRatio="none",
        viewBox=f"0 0 {BAR_WIDTH} {BAR_HEIGHT}",
        width=BAR_WIDTH,
        height=BAR_HEIGHT,
        role="img",
        aria_label=words,
    )
