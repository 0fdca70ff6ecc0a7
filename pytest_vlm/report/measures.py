"""How the numbers of a claim read: points for right answers, units of the score, or ratios."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from pytest_vlm.report.model import ClaimRecord

Result = Mapping[str, Any]


def mean(result: Result, value: float) -> str:
    """A side's mean: ``96.0 %``, ``0.812`` or ``41.3``."""
    if result["kind"] == "binary":
        return f"{100 * value:.1f}\N{NO-BREAK SPACE}%"
    return f"{value:.3f}" if result["kind"] == "bounded" else f"{value:.4g}"


def amount(result: Result, margin: float) -> str:
    """A margin: ``5 points``, ``0.05`` or ``5 %``."""
    if result["kind"] == "binary":
        return f"{100 * margin:g} points"
    if result["kind"] == "bounded":
        return f"{margin:g}"
    return f"{100 * margin:g}\N{NO-BREAK SPACE}%"


def difference(result: Result, value: float) -> str:
    """A difference: ``+1.5`` points, ``+0.015``, or the ratio ``×1.04``; with a true minus sign."""
    if result["kind"] == "positive":
        return f"×{value:.3g}"
    text = f"{100 * value:+.1f}" if result["kind"] == "binary" else f"{value:+.3f}"
    return text.replace("-", "\N{MINUS SIGN}")


def unit(result: Result) -> str:
    """What stands behind a difference."""
    return " points" if result["kind"] == "binary" else ""


def p_value(p: float) -> str:
    """As many digits as a reader can use."""
    return "< 0.0001" if p < 0.0001 else f"{p:.2g}" if p < 0.01 else f"{p:.3f}"


def gain(result: Result, value: float) -> float:
    """A difference with 0 for none and more for better; ratios by their logarithm."""
    if result["kind"] != "positive":
        return value
    if value <= 0:
        return -math.inf if result["better"] == "higher" else math.inf
    return math.log(value) if result["better"] == "higher" else -math.log(value)


def value_at(result: Result, gained: float) -> float:
    """The inverse of `gain`."""
    if result["kind"] != "positive":
        return gained
    return math.exp(gained if result["better"] == "higher" else -gained)


def margins(claim: ClaimRecord) -> tuple[float, ...]:
    """Where the claim's lines lie, as gains."""
    margin = claim.result.get("margin") or 0.0
    if claim.result.get("kind") == "positive":
        margin = math.log1p(margin)
    lines: dict[str, tuple[float, ...]] = {
        "not_worse": (-margin,),
        "no_regression": (-margin,),
        "better": (margin,),
        "equivalent": (-margin, margin),
    }
    return tuple(line for line in lines.get(claim.claim, ()) if line)


def interval(result: Result) -> tuple[float, float, float]:
    """Low end, estimate and high end, as gains."""
    low, high = sorted(gain(result, edge) for edge in result["ci"])
    return low, gain(result, result["estimate"]), high
