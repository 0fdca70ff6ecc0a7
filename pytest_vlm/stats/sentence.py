"""Results as sentences for people who are no statisticians."""

from __future__ import annotations

from pytest_vlm.stats.result import ComparisonResult

LEAST_P = 1e-12


def percent(share: float) -> str:
    """A share as a percentage: ``96.0 %``."""
    return f"{100 * share:.1f} %"


def sentence(result: ComparisonResult) -> str:
    """One or two sentences: the verdict, the numbers behind it, and what to do next."""
    return f"{_verdict(result)} {numbers(result)}{_looks(result)}{_next_step(result)}"


def numbers(result: ComparisonResult) -> str:
    """From what to what, the difference, its interval, and how many pairs changed."""
    before, after = (
        _mean(result, value) for value in (result.baseline_mean, result.candidate_mean)
    )
    level = f"{100 * result.confidence_level:g} %"
    low, high = (_difference(result, edge) for edge in result.ci)
    clusters = result.n_clusters
    independent = f" in {clusters} cluster{'s' * (clusters != 1)}" if clusters != result.n else ""
    speaking = "fail" if result.claim == "no_regression" else "pass"
    p = f"; {_p(result.p_value)}" if result.verdict == speaking else ""
    lower = " (lower is better)" if result.better == "lower" else ""
    unit = {"binary": " points", "bounded": "", "positive": " times as much"}[result.kind]
    difference = f"{_difference(result, result.estimate)}{unit}"
    return (
        f"From {before} to {after}{lower}, that is {difference} "
        f"({level} interval {low} to {high}; "
        f"{_changed(result)} of {result.n} pair{'s' * (result.n != 1)}{independent}{p})."
    )


def _verdict(result: ComparisonResult) -> str:
    if result.reason:
        return f"Not shown: {result.reason}."
    size = amount(result, result.margin or 0)
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
            f"Not shown: this data would only reveal a loss of {_precise(result, result.mde)} or "
            f"more, not one of {size}."
        ),
    }
    if result.claim == "better" and not result.margin:
        words["better", "pass"] = "Better: a gain is shown."
        words["better", "fail"] = "Worse: the candidate loses."
        words["better", "inconclusive"] = "Not shown: there may be no gain."
    if result.claim == "not_worse" and _gains(result)[1] < 0:
        words["not_worse", "inconclusive"] = (
            f"Not shown: the candidate is worse, though not clearly by more than {size}."
        )
    return words[result.claim, result.verdict]


def amount(result: ComparisonResult, margin: float) -> str:
    """A margin in the unit of the score: ``5 points``, ``0.05`` or ``5 %``."""
    if result.kind == "binary":
        return f"{100 * margin:g} points"
    return f"{margin:g}" if result.kind == "bounded" else f"{100 * margin:g} %"


def _precise(result: ComparisonResult, margin: float) -> str:
    if result.kind == "binary":
        return f"{100 * margin:.1f} points"
    return f"{margin:.3f}" if result.kind == "bounded" else f"{100 * margin:.1f} %"


def _mean(result: ComparisonResult, value: float) -> str:
    if result.kind == "binary":
        return percent(value)
    return f"{value:.3f}" if result.kind == "bounded" else f"{value:.4g}"


def _difference(result: ComparisonResult, value: float) -> str:
    if result.kind == "positive":
        return f"{value:.3f}"
    scale, digits = (100, 1) if result.kind == "binary" else (1, 3)
    return f"{round(scale * value, digits) + 0.0:+.{digits}f}"  # never -0.0


def _p(value: float) -> str:
    return f"p = {value:.3g}" if value >= LEAST_P else f"p < {LEAST_P:g}"


def _changed(result: ComparisonResult) -> str:
    if result.identical:
        return f"not one {'answer' if result.kind == 'binary' else 'value'} differs"
    worse, better = ("lost", "won") if result.kind == "binary" else ("worse", "better")
    return f"{result.b} {worse}, {result.c} {better}"


def _gains(result: ComparisonResult) -> tuple[float, float]:
    """The interval with 0 for no difference and more for better."""
    low, high = result.ci
    if result.kind != "positive":
        return low, high
    return (low - 1, high - 1) if result.better == "higher" else (1 - high, 1 - low)


def _looks(result: ComparisonResult) -> str:
    if result.e_value is None:
        return ""
    where = " It holds for this dataset only." if result.target == "dataset" else ""
    if result.stopped_at is None and result.verdict == "pass":
        return f" All {result.n_planned} pairs were needed.{where}"
    if result.stopped_at is None:
        seen = (
            f"all {result.n_planned}" if result.n_used == result.n_planned else f"{result.n_used}"
        )
        return f" Undecided after {seen} pairs.{where}"
    left = result.n_planned - result.n_used
    saved = f"; {left} {'was' if left == 1 else 'were'} not needed" if left else ""
    return f" Decided after {result.stopped_at} of {result.n_planned} pairs{saved}.{where}"


def _next_step(result: ComparisonResult) -> str:
    if result.verdict != "inconclusive" or result.reason:
        return ""
    if result.target == "dataset" and result.n_used == result.n_planned:
        return " It lies exactly at the margin."
    low, high = _gains(result)
    if result.n_required is None or result.n_required <= result.n or not low <= 0 <= high:
        return " More pairs would decide it."
    if result.claim == "no_regression":
        return f" About {result.n_required} pairs are needed."
    return f" Two equal checkpoints would need about {result.n_required} pairs to show it."
