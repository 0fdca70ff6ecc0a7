"""A claim, decided: the front door of the statistics."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import get_args

from numpy.typing import ArrayLike

from pytest_vlm.errors import ClaimNotShown, StatisticsError
from pytest_vlm.stats.mcnemar import SMALLEST
from pytest_vlm.stats.pairs import count_pairs
from pytest_vlm.stats.planning import n_required, pairs_to_detect
from pytest_vlm.stats.proportions import POWER, PairedTest
from pytest_vlm.stats.result import Claim, ComparisonResult, Verdict

SMALLEST_MARGIN = 1e-6


def compare(
    *,
    baseline: ArrayLike,
    candidate: ArrayLike,
    claim: Claim,
    margin: float | None = None,
    mde: float | None = None,
    alpha: float = 0.05,
    confidence_level: float | None = None,
    clusters: Sequence[Hashable] | None = None,
    floor: float = 0.0,
    ceiling: float = 1.0,
) -> ComparisonResult:
    """Decide a claim about paired binary scores; position i of both arrays is one sample.

    ======================  =======================  =============================================
    claim                   null hypothesis          passes when
    ======================  =======================  =============================================
    ``not_worse(margin)``   Δ ≤ -margin              it is rejected
    ``better(margin=0)``    Δ ≤ margin               it is rejected
    ``equivalent(margin)``  abs(Δ) ≥ margin          both one-sided tests reject
    ``no_regression(mde)``  Δ ≥ 0                    it is not, though a loss of `mde` would have
    ======================  =======================  =============================================

    Differences are tested by McNemar's mid-p, claims against a margin by Tango's score; for
    clustered pairs by a cluster-robust t and by Tango's score on the counts over the design effect.

    Args:
        baseline: n values of 0 or 1.
        candidate: n values of 0 or 1.
        claim: see the table.
        margin: in (0, 1), as a difference of proportions; for ``better`` also 0, its default.
        mde: for ``no_regression``, the loss that must not go unnoticed, in (0, 1).
        alpha: one-sided error rate of a pass.
        confidence_level: of the interval; by default 1 - 2·alpha, which agrees with the verdict.
        clusters: n names; pairs of one name are not independent.
        floor: the baseline's rate must lie above it, otherwise nothing can be shown.
        ceiling: the baseline's rate must lie below it, otherwise likewise.

    Raises:
        StatisticsError: arrays or numbers that make no sense.
    """
    bound = check_bound(claim, margin, mde)
    if not 0 < alpha < 0.5:
        raise StatisticsError(f"alpha must lie between 0 and 0.5, found {alpha}")
    level = 1 - 2 * alpha if confidence_level is None else confidence_level
    if not 0 < level < 1:
        raise StatisticsError(f"confidence_level must lie between 0 and 1, found {level}")
    counts = count_pairs(baseline, candidate, clusters)
    test = PairedTest.of(counts)
    decision = _decide(test, claim, bound, alpha)
    rates = ((counts.both + counts.b) / counts.n, (counts.both + counts.c) / counts.n)
    reason = test.too_few() or _assay(rates[0], floor, ceiling)
    return ComparisonResult(
        claim=claim,
        verdict="inconclusive" if reason else decision.verdict,
        reason=reason,
        estimate=counts.estimate,
        ci=test.interval(level),
        confidence_level=level,
        statistic=decision.statistic,
        p_value=min(max(decision.p_value, SMALLEST), 1.0),
        alternative=decision.alternative,
        null_value=decision.null_value,
        margin=bound,
        alpha=alpha,
        method=decision.method,
        baseline_rate=rates[0],
        candidate_rate=rates[1],
        n=counts.n,
        n_clusters=int(counts.cluster_sizes.size),
        n_effective=counts.n / test.deff,
        deff=test.deff,
        b=counts.b,
        c=counts.c,
        odds_ratio=counts.c / counts.b if counts.b else None,
        mde=test.detectable(alpha),
        n_required=_needed(test, claim, bound, alpha),
        identical=counts.b + counts.c == 0,
        warnings=test.warnings(),
    )


def assert_claim(result: ComparisonResult) -> ComparisonResult:
    """Return the result of a claim that passed.

    Raises:
        ClaimNotShown: it failed or is inconclusive; the message is the result's sentence.
    """
    if result.verdict != "pass":
        raise ClaimNotShown(str(result), verdict=result.verdict)
    return result


def check_bound(claim: Claim, margin: float | None = None, mde: float | None = None) -> float:
    """The margin, or for ``no_regression`` the `mde`.

    Raises:
        StatisticsError: it is missing, not between 0 and 1, or belongs to another claim.
    """
    if claim not in get_args(Claim):
        raise StatisticsError(f"unknown claim {claim!r}; known are {', '.join(get_args(Claim))}")
    name, value = ("mde", mde) if claim == "no_regression" else ("margin", margin)
    if claim == "better" and value is None:
        value = 0.0
    if value is None:
        raise StatisticsError(
            f"{claim} needs a {name}: the loss you would accept, for example {name}=0.05"
        )
    if (claim == "no_regression" and margin is not None) or (name == "margin" and mde is not None):
        raise StatisticsError(f"{claim} takes {name}=, nothing else")
    least = 0.0 if claim == "better" else SMALLEST_MARGIN
    if not (isinstance(value, int | float) and math.isfinite(value) and least <= value < 1):
        raise StatisticsError(f"{name} must lie between 0 and 1, found {value!r}")
    return float(value)


@dataclass(frozen=True)
class _Decision:
    verdict: Verdict
    statistic: float
    p_value: float
    alternative: str
    null_value: float
    method: str


def _decide(test: PairedTest, claim: Claim, bound: float, alpha: float) -> _Decision:
    if claim == "no_regression":
        statistic, p, method = test.worse()
        shown = test.detectable(alpha) <= bound
        verdict: Verdict = "fail" if p <= alpha else "pass" if shown else "inconclusive"
        return _Decision(verdict, statistic, p, "less", 0.0, method)
    if claim == "better" and bound == 0:
        statistic, p_worse, method = test.worse()
        p = test.better()
        return _Decision(_either(p, p_worse, alpha), statistic, p, "greater", 0.0, method)
    if claim == "equivalent":
        low, high = test.z(-bound), test.z(bound)
        p = max(test.above(low), test.above(-high))
        outside = min(test.above(-low), test.above(high))
        statistic = low if test.above(low) >= test.above(-high) else high
        return _Decision(
            _either(p, outside, alpha), statistic, p, "within margin", bound, test.margin_method
        )
    null = bound if claim == "better" else -bound
    z = test.z(null)
    verdict = _either(test.above(z), test.above(-z), alpha)
    return _Decision(verdict, z, test.above(z), "greater", null, test.margin_method)


def _either(p_claim: float, p_opposite: float, alpha: float) -> Verdict:
    if p_claim <= alpha:
        return "pass"
    return "fail" if p_opposite <= alpha else "inconclusive"


def _assay(rate: float, floor: float, ceiling: float) -> str:
    if rate <= floor:
        if rate == 0:
            return "the baseline gets nothing right, so agreeing with it proves nothing"
        return (
            f"the baseline gets {100 * rate:.1f} % right; only one above {100 * floor:.1f} % "
            "could tell checkpoints apart"
        )
    if rate >= ceiling:
        return (
            "the baseline gets everything right, so this data is too easy to tell checkpoints apart"
        )
    return ""


def _needed(test: PairedTest, claim: Claim, bound: float, alpha: float) -> int | None:
    if claim == "better":
        return None
    if claim == "no_regression":
        rate = test.discordant(alpha)
        pairs = pairs_to_detect(effect=bound, discordant=rate, alpha=alpha, power=POWER)
        return math.ceil(test.deff * pairs)
    rate = (test.counts.b + test.counts.c) / test.counts.n
    power = (1 + POWER) / 2 if claim == "equivalent" else POWER  # each of the two tests
    return math.ceil(
        test.deff * n_required(margin=bound, discordant=rate, alpha=alpha, power=power)
    )
