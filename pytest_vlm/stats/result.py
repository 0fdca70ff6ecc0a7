"""What a comparison found, as one frozen value whose text is a sentence."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, Literal

from pytest_vlm.kinds import Better, Kind

Claim = Literal["not_worse", "better", "equivalent", "no_regression"]
Verdict = Literal["pass", "fail", "inconclusive"]


@dataclass(frozen=True, kw_only=True)
class ComparisonResult:
    """A claim about candidate - baseline, and what the data says of it.

    Attributes:
        claim: what was claimed.
        verdict: ``pass``, ``fail`` or ``inconclusive``.
        reason: why it is inconclusive before any test, empty otherwise.
        kind: of the score: ``binary``, ``bounded`` or ``positive``.
        better: ``higher`` or ``lower`` values of the score.
        estimate: candidate - baseline in the score's better direction; for a positive score the
            ratio candidate / baseline, whatever its direction.
        ci: two-sided interval of the estimate at `confidence_level`.
        statistic: of the test against `null_value`.
        p_value: of the claim's null hypothesis; small means the claim is shown. For
            ``no_regression`` that of "not worse"; small means a regression is shown.
        alternative: what a small p value speaks for.
        method: the test, by name, with the design effect of clusters.
        baseline_mean: of the baseline's values, for a binary score the share of ones; the
            geometric mean of a positive score.
        candidate_mean: of the candidate's.
        n: pairs.
        n_clusters: clusters of pairs.
        n_effective: n / deff.
        deff: design effect of the clusters, 1 for independent pairs.
        b: pairs that got worse; of a binary score those that only the baseline gets right.
        c: pairs that got better.
        odds_ratio: c / b of a binary score; None where b is 0.
        cohens_dz: mean difference over its standard deviation; None without any, and for binary.
        mde: the smallest loss that this data would have shown with power 0.8.
        n_required: pairs that would show the claim with power 0.8 if both sides truly are equal;
            for ``no_regression`` those that would reveal its `mde`; None for ``better``.
        identical: not one pair differs.
        warnings: what a reader must know beside the numbers.
    """

    claim: Claim
    verdict: Verdict
    reason: str
    kind: Kind
    better: Better
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
    baseline_mean: float
    candidate_mean: float
    n: int
    n_clusters: int
    n_effective: float
    deff: float
    b: int
    c: int
    odds_ratio: float | None
    cohens_dz: float | None
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
