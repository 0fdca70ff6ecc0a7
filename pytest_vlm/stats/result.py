"""What a comparison found, as one frozen value whose text is a sentence."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, Literal

Claim = Literal["not_worse", "better", "equivalent", "no_regression"]
Verdict = Literal["pass", "fail", "inconclusive"]


@dataclass(frozen=True, kw_only=True)
class ComparisonResult:
    """A claim about candidate - baseline, and what the data says of it.

    Attributes:
        claim: what was claimed.
        verdict: ``pass``, ``fail`` or ``inconclusive``.
        reason: why it is inconclusive before any test, empty otherwise.
        estimate: candidate - baseline in the score's better direction.
        ci: two-sided interval of the estimate at `confidence_level`.
        statistic: of the test against `null_value`.
        p_value: of the claim's null hypothesis; small means the claim is shown. For
            ``no_regression`` that of "not worse"; small means a regression is shown.
        alternative: what a small p value speaks for.
        method: the test, by name, with the design effect of clusters.
        baseline_rate: share of the baseline's answers that are right.
        candidate_rate: share of the candidate's.
        n: pairs.
        n_clusters: clusters of pairs.
        n_effective: n / deff.
        deff: design effect of the clusters, 1 for independent pairs.
        b: only the baseline is right.
        c: only the candidate is right.
        odds_ratio: c / b; None where b is 0.
        mde: the smallest loss that this data would have shown with power 0.8.
        n_required: pairs that would show the claim with power 0.8 if both sides truly are equal;
            for ``no_regression`` those that would reveal its `mde`; None for ``better``.
        identical: not one pair differs.
        warnings: what a reader must know beside the numbers.
    """

    claim: Claim
    verdict: Verdict
    reason: str
    estimate: float
    ci: tuple[float, float]
    confidence_level: float
    statistic: float
    p_value: float
    alternative: str
    null_value: float
    margin: float | None
    alpha: float
    method: str
    baseline_rate: float
    candidate_rate: float
    n: int
    n_clusters: int
    n_effective: float
    deff: float
    b: int
    c: int
    odds_ratio: float | None
    mde: float
    n_required: int | None
    identical: bool
    warnings: tuple[str, ...] = ()

    @property
    def n_discordant(self) -> int:
        """Pairs in which exactly one side is right."""
        return self.b + self.c

    @property
    def risk_difference(self) -> float:
        """The estimate under its epidemiological name."""
        return self.estimate

    def to_json(self) -> dict[str, Any]:
        """Every field by name, JSON types only; an infinite statistic becomes None."""
        statistic = self.statistic if math.isfinite(self.statistic) else None
        return {
            **asdict(self),
            "statistic": statistic,
            "ci": list(self.ci),
            "warnings": list(self.warnings),
        }

    def __str__(self) -> str:
        from pytest_vlm.stats.sentence import sentence

        return sentence(self)
