"""Results as sentences for people who are no statisticians."""

from __future__ import annotations

from pytest_vlm.stats.result import ComparisonResult


def percent(share: float) -> str:
    """A share as a percentage: ``96.0 %``."""
    return f"{100 * share:.1f} %"


def sentence(result: ComparisonResult) -> str:
    """One or two sentences: the verdict, the numbers behind it, and what to do next."""
    return f"{_verdict(result)} {_numbers(result)}{_next_step(result)}"


def _verdict(result: ComparisonResult) -> str:
    if result.reason:
        return f"Not shown: {result.reason}."
    size = f"{100 * (result.margin or 0):g} points"
    words = {
        ("not_worse", "pass"): f"Not worse: a loss of {size} or more is ruled out.",
        ("not_worse", "fail"): f"Worse: the candidate loses more than the margin of {size}.",
        ("not_worse", "inconclusive"): f"Not shown: a loss of {size} is not ruled out.",
        ("better", "pass"): f"Better: a gain above {size} is shown.",
        ("better", "fail"): f"Not better: a gain above {size} is ruled out.",
        ("better", "inconclusive"): f"Not shown: a gain above {size} is neither shown nor refuted.",
        ("equivalent", "pass"): f"Equivalent: a difference of {size} or more is ruled out.",
        ("equivalent", "fail"): f"Not equivalent: the difference is larger than {size}.",
        ("equivalent", "inconclusive"): f"Not shown: a difference of {size} is not ruled out.",
        ("no_regression", "pass"): f"No regression seen; one of {size} would have been.",
        ("no_regression", "fail"): "Regression: the candidate is worse.",
        ("no_regression", "inconclusive"): (
            f"Not shown: this data would only reveal a loss of {100 * result.mde:.1f} points or "
            f"more, not one of {size}."
        ),
    }
    if result.claim == "better" and not result.margin:
        words["better", "pass"] = "Better: a gain is shown."
        words["better", "fail"] = "Worse: the candidate loses."
        words["better", "inconclusive"] = "Not shown: there may be no gain."
    if result.claim == "not_worse" and result.ci[1] < 0:
        words["not_worse", "inconclusive"] = (
            f"Not shown: the candidate is worse, though not clearly by more than {size}."
        )
    return words[result.claim, result.verdict]


def _numbers(result: ComparisonResult) -> str:
    low, high = (100 * edge for edge in result.ci)
    level = f"{100 * result.confidence_level:g} %"
    change = "not one answer differs" if result.identical else f"{result.b} lost, {result.c} won"
    independent = "" if result.n_clusters == result.n else f" in {_clusters(result.n_clusters)}"
    p = f"; p = {result.p_value:.3g}" if result.verdict == "pass" else ""
    return (
        f"From {percent(result.baseline_rate)} to {percent(result.candidate_rate)}, that is "
        f"{100 * result.estimate:+.1f} points ({level} interval {low:+.1f} to {high:+.1f}; "
        f"{change} of {result.n} pairs{independent}{p})."
    )


def _clusters(count: int) -> str:
    return f"{count} cluster" if count == 1 else f"{count} clusters"


def _next_step(result: ComparisonResult) -> str:
    if result.verdict != "inconclusive" or result.reason:
        return ""
    low, high = result.ci
    if result.n_required is None or result.n_required <= result.n or not low <= 0 <= high:
        return " More pairs would decide it."
    if result.claim == "no_regression":
        return f" About {result.n_required} pairs are needed."
    return f" Two equal checkpoints would need about {result.n_required} pairs to show it."
