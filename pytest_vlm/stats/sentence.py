"""Results as sentences for people who are no statisticians."""

from __future__ import annotations

from pytest_vlm.stats.result import ComparisonResult


def points(share: float) -> str:
    """A share as percentage points with its sign: ``+1.5 points``."""
    return f"{100 * share:+.1f} points"


def percent(share: float) -> str:
    """A share as a percentage: ``96.0 %``."""
    return f"{100 * share:.1f} %"


def sentence(result: ComparisonResult) -> str:
    """One or two sentences: the verdict, the numbers behind it, and what to do next."""
    return f"{_verdict(result)} {_numbers(result)}{_next_step(result)}"


def _verdict(result: ComparisonResult) -> str:
    margin = percent(result.margin) if result.margin is not None else ""
    words = {
        ("not_worse", "pass"): f"Not worse: a loss of {margin} or more is ruled out.",
        ("not_worse", "fail"): f"Worse: the candidate loses more than the margin of {margin}.",
        ("not_worse", "inconclusive"): f"Not shown: a loss of {margin} is not ruled out.",
        ("better", "pass"): f"Better: a gain above {margin} is shown.",
        ("better", "fail"): f"Not better: a gain above {margin} is ruled out.",
        ("better", "inconclusive"): f"Not shown: a gain above {margin} is not ruled out either.",
        ("equivalent", "pass"): f"Equivalent: a difference of {margin} or more is ruled out.",
        ("equivalent", "fail"): f"Not equivalent: the difference is larger than {margin}.",
        ("equivalent", "inconclusive"): f"Not shown: a difference of {margin} is not ruled out.",
        ("no_regression", "pass"): f"No regression found, and one of {margin} would have been.",
        ("no_regression", "fail"): "Regression: the candidate is worse.",
        ("no_regression", "inconclusive"): f"Not shown: a regression of {margin} could hide here.",
    }
    if result.reason:
        return f"Not shown: {result.reason}."
    if result.claim == "not_worse" and result.verdict == "inconclusive" and result.ci[1] < 0:
        return f"Not shown: the candidate is worse, though not clearly by more than {margin}."
    return words[result.claim, result.verdict]


def _numbers(result: ComparisonResult) -> str:
    low, high = (100 * edge for edge in result.ci)
    level = f"{100 * result.confidence_level:g} %"
    clusters = "" if result.n_clusters == result.n else f" in {result.n_clusters} clusters"
    rates = f"{percent(result.baseline_rate)} to {percent(result.candidate_rate)}"
    flips = "not one answer differs" if result.identical else f"{result.b} lost, {result.c} won"
    return (
        f"From {rates}, that is {points(result.estimate)} "
        f"({level} interval {low:+.1f} to {high:+.1f}; "
        f"{flips} of {result.n} pairs{clusters}; p = {result.p_value:.3g})."
    )


def _next_step(result: ComparisonResult) -> str:
    if result.verdict != "inconclusive" or result.reason:
        return ""
    low, high = result.ci
    if result.n_required is not None and result.n_required > result.n and low <= 0 <= high:
        return f" Two equal checkpoints would need about {result.n_required} pairs to show it."
    return " More pairs would decide it; the difference lies close to the margin."
