"""A claim, decided: the front door of the statistics."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial
from typing import Literal, get_args

import numpy as np

from pytest_vlm.errors import ClaimNotShown
from pytest_vlm.kinds import Better, Kind
from pytest_vlm.stats.arguments import bounds_of, one_of, real, whole
from pytest_vlm.stats.decision import Decision, decide
from pytest_vlm.stats.distributions import SMALLEST
from pytest_vlm.stats.margins import check_bound
from pytest_vlm.stats.multiplicity import bonferroni
from pytest_vlm.stats.pairs import Labels, PairedValues, Values
from pytest_vlm.stats.procedures import Method, find_procedure, find_test
from pytest_vlm.stats.proportions import UNCONDITIONAL
from pytest_vlm.stats.result import Claim, ComparisonResult, Target
from pytest_vlm.stats.sequential import EarlyStopping, Stream


@np.errstate(under="ignore")
def compare(
    *,
    baseline: Values,
    candidate: Values,
    claim: Claim,
    kind: Kind = "binary",
    better: Better = "higher",
    bounds: tuple[float, float] = (0.0, 1.0),
    margin: float | None = None,
    mde: float | None = None,
    alpha: float = 0.05,
    family: int = 1,
    confidence_level: float | None = None,
    method: Method = "auto",
    ids: Labels | None = None,
    clusters: Labels | None = None,
    sequential: Literal["anytime"] | Stream | None = None,
    target: Target = "population",
    rng: int | np.random.Generator = 0,
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

    Δ is in the score's better direction. The method is chosen by the kind of the score and never by
    looking at the data:

    ============  ======================  =====================================  =================
    kind          against no difference   against a margin                       interval
    ============  ======================  =====================================  =================
    ``binary``    McNemar's mid-p         exact unconditional up to 300 pairs,   Tango's
                                          Tango's score above
    ``bounded``   paired t                paired t                               t
    ``positive``  t of the log ratio      t of the log ratio                     t, as a ratio
    ============  ======================  =====================================  =================

    Clustered pairs take cluster-robust variants of these.

    Args:
        baseline: n values: a list, array, tensor or column, or values by sample name.
        candidate: n values; two mappings, or two columns, are paired by name.
        claim: see the table.
        kind: of the score; it decides the test and what a margin means.
        better: whether higher or lower values are.
        bounds: smallest and largest possible value of a ``bounded`` score.
        margin: a difference of shares in (0, 1), a difference within the bounds, or, for a
            ``positive`` score, a share: 0.05 allows 1.05 times as much. For ``better`` also 0,
            its default.
        mde: for ``no_regression``, the loss that must not go unnoticed, as a margin.
        alpha: one-sided error rate.
        family: claims that are checked together; where any regression stops a checkpoint, each is
            tested at alpha / family. Claims that must all be shown need no correction.
        confidence_level: of the interval; by default 1 - 2·alpha, which agrees with the verdict.
        method: ``"auto"``; or ``"exact"`` and ``"score"`` for binary scores whatever the number of
            pairs, ``"betting"`` for a guarantee without any assumption on a bounded score,
            ``"permutation"`` for sign flips, ``"bca"`` for a bootstrap interval.
        ids: n names for messages.
        clusters: n names; pairs of one name are not independent.
        sequential: ``"anytime"`` follows the claim along a random order of the clusters, and stops
            as soon as it is decided; a `Stream` says that these pairs are the beginning of one.
        target: what a sequential claim is about: all that could be asked, or this dataset only.
        rng: seed or generator of the random order and of what is drawn again.
        floor: the baseline must lie above this share of the way from the worst to the best value,
            otherwise nothing can be shown; not asked of ``positive``.
        ceiling: the baseline must lie below it, otherwise likewise; above 1 there is none. A
            candidate that falls behind a perfect baseline fails all the same.

    Raises:
        StatisticsError: arrays or numbers that make no sense.
    """
    one_of("kind", kind, get_args(Kind))
    one_of("better", better, get_args(Better))
    one_of("claim", claim, get_args(Claim))
    one_of("target", target, get_args(Target))
    limits = bounds_of(bounds) if kind == "bounded" else (0.0, 1.0)
    largest = {"binary": 1.0, "bounded": limits[1] - limits[0], "positive": math.inf}[kind]
    margin = check_bound(claim, margin, mde, largest=largest)
    alpha = real("alpha", alpha, high=0.5, low=0.0)
    level = 1 - 2 * alpha if confidence_level is None else confidence_level
    level = real("confidence_level", level, low=0.0, high=1.0)
    lowest, highest = real("floor", floor), real("ceiling", ceiling)
    family = whole("family", family, least=1)
    pairs = PairedValues.of(baseline, candidate, ids, clusters)
    test = find_test(pairs, kind=kind, better=better, bounds=limits, method=method)
    procedure = find_procedure(test, method=method, sequential=sequential, target=target, rng=rng)
    corrected = alpha / family if claim == "no_regression" else alpha
    achieved = procedure.detectable(corrected)
    deciding = (
        procedure.follow if isinstance(procedure, EarlyStopping) else partial(decide, procedure)
    )
    decision = deciding(
        claim, bound=test.bound(margin), detectable=achieved <= margin, alpha=corrected
    )
    (b, c), means = test.changed, test.means
    lost = decision.verdict == "fail" and claim != "better"
    reason = procedure.too_few() or test.assay(lowest, math.inf if lost else highest)
    if decision.verdict == "pass":
        reason = reason or procedure.unshowable(margin, alpha)
    stopped_at = None if reason else decision.stopped_at
    low, high = sorted(map(test.shown, procedure.interval(level)))
    p_value = min(max(decision.p_value, SMALLEST), 1.0)
    return ComparisonResult(
        claim=claim,
        verdict="inconclusive" if reason else decision.verdict,
        reason=reason,
        kind=kind,
        better=better,
        estimate=test.shown(test.difference),
        ci=(low, high),
        confidence_level=level,
        statistic=decision.statistic,
        p_value=p_value,
        p_adjusted=bonferroni(p_value, family) if claim == "no_regression" else p_value,
        alternative=decision.alternative,
        null_value=test.shown(decision.null),
        margin=margin,
        alpha=corrected,
        method=decision.method,
        baseline_mean=means[0],
        candidate_mean=means[1],
        n=test.n,
        n_clusters=test.n_clusters,
        n_effective=test.n / test.deff,
        deff=test.deff,
        b=b,
        c=c,
        sd=test.spread,
        reach=test.clusters.reach,
        cohens_dz=test.difference / test.spread if test.spread else None,
        cliffs_delta=test.dominance,
        mde=achieved,
        n_required=procedure.required(claim, margin, corrected),
        identical=b + c == 0,
        warnings=(*procedure.warnings(), *_disagreement(decision, (low, high), level, corrected)),
        e_value=decision.e_value,
        n_used=test.n if isinstance(sequential, Stream) else stopped_at or test.n,
        n_planned=sequential.n if isinstance(sequential, Stream) else test.n,
        stopped_at=stopped_at,
        path=decision.path,
        target=target,
    )


def _disagreement(
    decision: Decision, ci: tuple[float, float], level: float, alpha: float
) -> Iterator[str]:
    """Where the approximate interval would have shown what the exact test does not."""
    if decision.method != UNCONDITIONAL or decision.alternative != "greater":
        return
    shown = math.isclose(1 - level, 2 * alpha) and ci[0] > decision.null
    if shown and decision.verdict == "inconclusive":
        yield "the exact test decides; the interval is approximate for so few pairs"


def assert_claim(result: ComparisonResult) -> ComparisonResult:
    """Return the result of a claim that passed.

    Raises:
        ClaimNotShown: it failed or is inconclusive; the message is the result's sentence.
    """
    if result.verdict != "pass":
        raise ClaimNotShown(str(result), verdict=result.verdict)
    return result
