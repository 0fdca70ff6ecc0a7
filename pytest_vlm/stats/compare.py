"""A claim, decided: the front door of the statistics."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import get_args

from numpy.typing import ArrayLike
from scipy.stats import norm
from scipy.stats import t as student

from pytest_vlm.errors import ClaimNotShown, StatisticsError
from pytest_vlm.stats.clusters import FEW, TOO_FEW, cluster_design, cluster_t
from pytest_vlm.stats.mcnemar import SMALLEST, mcnemar_midp
from pytest_vlm.stats.pairs import PairedCounts, count_pairs
from pytest_vlm.stats.planning import detectable_effect, n_required, pairs_to_detect
from pytest_vlm.stats.result import Claim, ComparisonResult, Verdict
from pytest_vlm.stats.tango import tango_interval, tango_z

POWER = 0.8
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
        ceiling: the baseline's rate must lie below it, otherwise nothing can be shown.

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
    test = _PairedTest.of(counts)
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


@dataclass(frozen=True)
class _PairedTest:
    """Both tests of paired proportions, with or without clusters."""

    counts: PairedCounts
    deff: float
    degrees_of_freedom: float | None

    @classmethod
    def of(cls, counts: PairedCounts) -> _PairedTest:
        if not counts.clustered:
            return cls(counts, 1.0, None)
        design = cluster_design(counts)
        return cls(counts, design.deff, design.degrees_of_freedom)

    @property
    def scaled(self) -> tuple[float, float, float]:
        """b, c and n over the design effect."""
        return (
            self.counts.b / self.deff,
            self.counts.c / self.deff,
            self.counts.n / self.deff,
        )

    def z(self, delta: float) -> float:
        return tango_z(*self.scaled, delta)

    def above(self, z: float) -> float:
        """P(Z ≥ z)."""
        if self.degrees_of_freedom is None:
            return float(norm.sf(z))
        return float(student.sf(z, self.degrees_of_freedom))

    def worse(self) -> tuple[float, float, str]:
        """Statistic, one-sided p of "no difference" against "worse", and the method."""
        if self.degrees_of_freedom is not None:
            statistic, p = cluster_t(self.counts, cluster_design(self.counts))
            return statistic, p, "cluster-robust t (CR1)"
        return self.z(0.0), mcnemar_midp(self.counts.b, self.counts.c), "McNemar mid-p"

    def better(self) -> float:
        """One-sided p of "no difference" against "better"."""
        if self.degrees_of_freedom is None:
            return mcnemar_midp(self.counts.c, self.counts.b)
        mirrored = PairedCounts(
            n=self.counts.n,
            b=self.counts.c,
            c=self.counts.b,
            both=self.counts.both,
            cluster_sums=-self.counts.cluster_sums,
            cluster_sizes=self.counts.cluster_sizes,
        )
        return cluster_t(mirrored, cluster_design(mirrored))[1]

    @property
    def margin_method(self) -> str:
        if self.degrees_of_freedom is None:
            return "Tango score"
        return f"Tango score, design effect {self.deff:.2f}"

    def interval(self, level: float) -> tuple[float, float]:
        tail = (1 - level) / 2
        if self.degrees_of_freedom is None:
            critical = float(norm.isf(tail))
        else:
            critical = float(student.isf(tail, self.degrees_of_freedom))
        return tango_interval(*self.scaled, critical)

    def detectable(self, alpha: float) -> float:
        """The achieved minimum detectable effect."""
        n = self.counts.n / self.deff
        return detectable_effect(n=n, discordant=self.discordant(alpha), alpha=alpha, power=POWER)

    def discordant(self, alpha: float) -> float:
        """The discordant rate, at least what could have gone unseen in this many pairs."""
        seen = (self.counts.b + self.counts.c) / self.counts.n
        return max(seen, 1 - math.pow(alpha, self.deff / self.counts.n))

    def too_few(self) -> str:
        clusters = int(self.counts.cluster_sizes.size)
        if self.degrees_of_freedom is not None and clusters < TOO_FEW:
            return (
                f"{self.counts.n} pairs in only {clusters} clusters; "
                f"at least {TOO_FEW} different images are needed"
            )
        return ""

    def warnings(self) -> tuple[str, ...]:
        clusters = int(self.counts.cluster_sizes.size)
        if self.degrees_of_freedom is not None and TOO_FEW <= clusters < FEW:
            return (f"only {clusters} clusters: error rates are approximate below {FEW}",)
        return ()


def _decide(test: _PairedTest, claim: Claim, bound: float, alpha: float) -> _Decision:
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


def _needed(test: _PairedTest, claim: Claim, bound: float, alpha: float) -> int | None:
    if claim == "better":
        return None
    if claim == "no_regression":
        rate = test.discordant(alpha)
        pairs = pairs_to_detect(effect=bound, discordant=rate, alpha=alpha, power=POWER)
        return math.ceil(test.deff * pairs)
    rate = (test.counts.b + test.counts.c) / test.counts.n
    return math.ceil(
        test.deff * n_required(margin=bound, discordant=rate, alpha=alpha, power=POWER)
    )
