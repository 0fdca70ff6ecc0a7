"""What a comparison found, as one frozen value whose text is a sentence."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, Literal

from pytest_vlm.kinds import Better, Kind

Claim = Literal["not_worse", "better", "equivalent", "no_regression"]
Verdict = Literal["pass", "fail", "inconclusive"]
Target = Literal["population", "dataset"]


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
        p_adjusted: for the family of claims, by Bonferroni; only ``no_regression`` needs it.
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
        sd: standard deviation of the differences (of logarithms, for a positive score).
        reach: the largest difference that is possible; 0 where there is none.
        cohens_dz: mean difference over its standard deviation; None without any.
        cliffs_delta: P(candidate better) - P(candidate worse) over all n² pairings.
        mde: the smallest loss that this data would have shown with power 0.8.
        n_required: pairs that would show the claim with power 0.8 if both sides truly are equal;
            for ``no_regression`` those that would reveal its `mde`; None for ``better``.
        identical: not one pair differs.
        warnings: what a reader must know beside the numbers.
        e_value: evidence of a claim that was followed; it errs with chance alpha where it is
            believed from 1 / alpha on. None without early stopping.
        n_used: pairs that were looked at.
        n_planned: pairs that would have been, without a verdict before.
        stopped_at: pairs when the claim was decided; None where it was not, or not followed.
        path: (pairs, log E of the claim, log E of its opposite), each the largest so far.
        target: whether the claim is about all that could be asked, or this dataset only.
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
    p_adjusted: float
    alternative: str
    null_value: float
    margin: float
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
    sd: float
    reach: float
    cohens_dz: float | None
    cliffs_delta: float
    mde: float
    n_required: int | None
    identical: bool
    warnings: tuple[str, ...]
    e_value: float | None
    n_used: int
    n_planned: int
    stopped_at: int | None
    path: tuple[tuple[int, float, float], ...]
    target: Target

    @property
    def n_discordant(self) -> int:
        """Pairs in which exactly one side is right."""
        return self.b + self.c

    @property
    def risk_difference(self) -> float:
        """The estimate under its epidemiological name."""
        return self.estimate

    @property
    def odds_ratio(self) -> float | None:
        """C / b of a binary score; None where b is 0."""
        return self.c / self.b if self.b and self.kind == "binary" else None

    @property
    def odds_ratio_ci(self) -> tuple[float, float | None] | None:
        """Its exact interval; a high of None has no limit."""
        from pytest_vlm.stats.effects import odds_ratio_interval

        if self.kind != "binary":
            return None
        return odds_ratio_interval(self.b, self.c, self.confidence_level)

    @property
    def power(self) -> float | None:
        """The chance that an equally good candidate would pass, if as many pairs change.

        None for a claim that stops early and is about a bounded score, or this dataset only.
        """
        from pytest_vlm.stats.power import power_of

        return power_of(self)

    def to_json(self) -> dict[str, Any]:
        """Every field and every derived number by name, JSON types only; infinite is None."""
        derived = ("n_discordant", "risk_difference", "odds_ratio", "odds_ratio_ci", "power")
        found = {**asdict(self), **{name: getattr(self, name) for name in derived}}
        return {name: _plain(value) for name, value in found.items()}

    def __str__(self) -> str:
        from pytest_vlm.stats.sentence import sentence

        return sentence(self)


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
