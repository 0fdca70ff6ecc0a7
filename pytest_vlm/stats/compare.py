"""A claim, decided: the front door of the statistics."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import get_args

from numpy.typing import ArrayLike

from pytest_vlm.errors import ClaimNotShown, StatisticsError
from pytest_vlm.kinds import Better, Kind
from pytest_vlm.stats.mcnemar import SMALLEST
from pytest_vlm.stats.means import PairedMeans
from pytest_vlm.stats.paired_test import PairedTest
from pytest_vlm.stats.proportions import PairedProportions
from pytest_vlm.stats.ratios import PairedRatios
from pytest_vlm.stats.result import Claim, ComparisonResult, Verdict

SMALLEST_MARGIN = 1e-6


def compare(
    *,
    baseline: ArrayLike,
    candidate: ArrayLike,
    claim: Claim,
    kind: Kind = "binary",
    better: Better = "higher",
    bounds: tuple[float, float] = (0.0, 1.0),
    margin: float | None = None,
    mde: float | None = None,
    alpha: float = 0.05,
    confidence_level: float | None = None,
    clusters: Sequence[Hashable] | None = None,
    floor: float = 0.0,
    ceiling: float = 1.0,
) -> ComparisonResult:
    """Decide a claim about paired scores; position i of both arrays is one sample.

    ======================  =======================  =============================================
    claim                   null hypothesis          passes when
    ======================  =======================  =============================================
    ``not_worse(margin)``   Δ ≤ -margin              it is rejected
    ``better(margin=0)``    Δ ≤ margin               it is rejected
    ``equivalent(margin)``  abs(Δ) ≥ margin          both one-sided tests reject
    ``no_regression(mde)``  Δ ≥ 0                    it is not, though a loss of `mde` would have
    ======================  =======================  =============================================

    Δ is in the score's better direction. A ``binary`` score is tested by McNemar's mid-p against
    no difference and by Tango's score against a margin, a ``bounded`` one by a paired t, a
    ``positive`` one by a paired t of the logarithm of the ratio; clustered pairs by cluster-robust
    variants.

    Args:
        baseline: n values.
        candidate: n values.
        claim: see the table.
        kind: of the score; it decides the test and what a margin means.
        better: whether higher or lower values are.
        bounds: smallest and largest possible value of a ``bounded`` score.
        margin: a difference of shares in (0, 1), a difference within the bounds, or, for a
            ``positive`` score, a share: 0.05 allows 1.05 times as much. For ``better`` also 0,
            its default.
        mde: for ``no_regression``, the loss that must not go unnoticed, as a margin.
        alpha: one-sided error rate of a pass.
        confidence_level: of the interval; by default 1 - 2·alpha, which agrees with the verdict.
        clusters: n names; pairs of one name are not independent.
        floor: the baseline must lie above this share of the way from the worst to the best value,
            otherwise nothing can be shown; not asked of ``positive``.
        ceiling: the baseline must lie below it, otherwise likewise.

    Raises:
        StatisticsError: arrays or numbers that make no sense.
    """
    largest = {"binary": 1.0, "bounded": bounds[1] - bounds[0], "positive": math.inf}
    if kind not in largest or better not in get_args(Better):
        raise StatisticsError(f"unknown kind {kind!r} or direction {better!r}")
    bound = check_bound(claim, margin, mde, largest=largest[kind])
    if not 0 < alpha < 0.5:
        raise StatisticsError(f"alpha must lie between 0 and 0.5, found {alpha}")
    level = 1 - 2 * alpha if confidence_level is None else confidence_level
    if not 0 < level < 1:
        raise StatisticsError(f"confidence_level must lie between 0 and 1, found {level}")
    test = _test(kind, baseline, candidate, clusters, better, bounds)
    decision = _decide(test, claim, bound, alpha)
    (b, c), means = test.changed, test.means
    reason = test.too_few() or test.assay(floor, ceiling)
    if decision.verdict == "pass":
        reason = reason or test.unshowable(bound, alpha)
    return ComparisonResult(
        claim=claim,
        verdict="inconclusive" if reason else decision.verdict,
        reason=reason,
        kind=kind,
        better=better,
        estimate=test.shown(test.difference),
        ci=test.interval(level),
        confidence_level=level,
        statistic=decision.statistic,
        p_value=min(max(decision.p_value, SMALLEST), 1.0),
        alternative=decision.alternative,
        null_value=test.shown(decision.null),
        margin=bound,
        alpha=alpha,
        method=decision.method,
        baseline_mean=means[0],
        candidate_mean=means[1],
        n=test.n,
        n_clusters=test.n_clusters,
        n_effective=test.n / test.deff,
        deff=test.deff,
        b=b,
        c=c,
        odds_ratio=c / b if b and kind == "binary" else None,
        cohens_dz=test.standardized,
        mde=test.detectable(alpha),
        n_required=test.required(claim, bound, alpha),
        identical=b + c == 0,
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


def check_bound(
    claim: Claim,
    margin: float | None = None,
    mde: float | None = None,
    *,
    largest: float = 1.0,
) -> float:
    """The margin, or for ``no_regression`` the `mde`.

    Raises:
        StatisticsError: it is missing, not between 0 and `largest`, or belongs to another claim.
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
    if not (isinstance(value, int | float) and math.isfinite(value) and least <= value < largest):
        raise StatisticsError(f"{name} must lie between 0 and {largest:g}, found {value!r}")
    return float(value)


@dataclass(frozen=True)
class _Decision:
    verdict: Verdict
    statistic: float
    p_value: float
    alternative: str
    null: float
    method: str


def _test(
    kind: Kind,
    baseline: ArrayLike,
    candidate: ArrayLike,
    clusters: Sequence[Hashable] | None,
    better: Better,
    bounds: tuple[float, float],
) -> PairedTest:
    if kind == "binary":
        return PairedProportions.of(baseline, candidate, clusters, better)
    if kind == "bounded":
        return PairedMeans.of(baseline, candidate, clusters, better, bounds)
    return PairedRatios.of(baseline, candidate, clusters, better)


def _decide(test: PairedTest, claim: Claim, margin: float, alpha: float) -> _Decision:
    bound = test.bound(margin)
    if claim == "no_regression":
        tested = test.against(0.0)
        shown = test.detectable(alpha) <= margin
        verdict: Verdict = "fail" if tested.below <= alpha else "pass" if shown else "inconclusive"
        return _Decision(verdict, tested.statistic, tested.below, "less", 0.0, tested.method)
    if claim == "equivalent":
        low, high = test.against(-bound), test.against(bound)
        p, outside = max(low.above, high.below), min(low.below, high.above)
        nearer = low if low.above >= high.below else high
        verdict = _either(p, outside, alpha)
        return _Decision(verdict, nearer.statistic, p, "within margin", bound, nearer.method)
    null = bound if claim == "better" else -bound
    tested = test.against(null)
    verdict = _either(tested.above, tested.below, alpha)
    return _Decision(verdict, tested.statistic, tested.above, "greater", null, tested.method)


def _either(p_claim: float, p_opposite: float, alpha: float) -> Verdict:
    if p_claim <= alpha:
        return "pass"
    return "fail" if p_opposite <= alpha else "inconclusive"
