"""From a test to a verdict on a claim."""

from __future__ import annotations

from dataclasses import dataclass

from pytest_vlm.stats.paired_test import Procedure, Tested
from pytest_vlm.stats.result import Claim, Verdict


@dataclass(frozen=True)
class Decision:
    """What a claim comes to.

    Attributes:
        statistic: against the claim's null hypothesis.
        p_value: of it; of ``no_regression`` that of "not worse".
        alternative: what a small p value speaks for.
        null: the difference that was tested.
        method: by name.
        e_value: evidence of an e-process; None without.
        stopped_at: pairs when a followed claim was decided; None where it was not, or not followed.
        path: (pairs, log E of the claim, log E of its opposite), the largest so far.
    """

    verdict: Verdict
    statistic: float
    p_value: float
    alternative: str
    null: float
    method: str
    e_value: float | None = None
    stopped_at: int | None = None
    path: tuple[tuple[int, float, float], ...] = ()


def decide(
    procedure: Procedure, claim: Claim, *, bound: float, detectable: bool, alpha: float
) -> Decision:
    """The verdict of a test on all pairs.

    Args:
        procedure: tests a difference.
        claim: to decide.
        bound: its margin or `mde`, as a difference.
        detectable: whether a loss of `bound` would have been found.
        alpha: of each one-sided test.
    """
    if claim == "no_regression":
        tested = procedure.against(0.0)
        verdict: Verdict = "pass" if detectable else "inconclusive"
        return _of(tested, "fail" if tested.below <= alpha else verdict, tested.below, "less", 0.0)
    if claim == "equivalent":
        low, high = procedure.against(-bound), procedure.against(bound)
        p, outside = max(low.above, high.below), min(low.below, high.above)
        nearer = low if low.above >= high.below else high
        return _of(nearer, _either(p, outside, alpha), p, "within margin", bound)
    null = bound if claim == "better" else -bound
    tested = procedure.against(null)
    verdict = _either(tested.above, tested.below, alpha)
    return _of(tested, verdict, tested.above, "greater", null)


def _of(tested: Tested, verdict: Verdict, p: float, alternative: str, null: float) -> Decision:
    return Decision(verdict, tested.statistic, p, alternative, null, tested.method)


def _either(p_claim: float, p_opposite: float, alpha: float) -> Verdict:
    if p_claim <= alpha:
        return "pass"
    return "fail" if p_opposite <= alpha else "inconclusive"
