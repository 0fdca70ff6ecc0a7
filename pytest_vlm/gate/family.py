"""All claims of a run as one family.

A gate that needs every claim shown errs no more often than one of them (intersection-union). A gate
that any regression stops errs the more often the more claims look for one: each "no regression" is
tested at alpha / K for the K claims known at collection, so that its verdict is final at once; in
the end Holm's procedure runs over those that were made, and can only find more.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pytest_vlm.gate.plan import PlannedTest
from pytest_vlm.report.model import ClaimRecord, Record
from pytest_vlm.stats.multiplicity import holm
from pytest_vlm.stats.power import identical_pass_rate


def family_size(planned: Sequence[PlannedTest]) -> int:
    """Claims of all candidates together, at least one."""
    return max(1, sum(test.claims for test in planned))


def found_together(records: Sequence[Record], candidate: str, alpha: float) -> Iterator[str]:
    """Regressions of a candidate that only Holm's procedure over all candidates finds."""
    family = [
        record
        for record in records
        if isinstance(record, ClaimRecord) and record.claim == "no_regression" and record.result
    ]
    adjusted = holm([float(record.result["p_value"]) for record in family])
    for record, p in zip(family, adjusted, strict=True):
        if record.candidate == candidate and record.verdict != "fail" and p <= alpha:
            yield (
                f"{record.score}: a regression, seen among all {len(family)} claims that look for "
                f"one (p = {p:.3g} by Holm's procedure)"
            )


def family_of(
    planned: Sequence[PlannedTest],
    candidate: str,
    baseline: str,
    claims: Sequence[ClaimRecord],
    alpha: float,
) -> Mapping[str, Any]:
    """The family as a report tells of it.

    Args:
        planned: tests of all checkpoints.
        candidate: name of the one that the pass rate is about.
        baseline: name of the one that is no candidate.
        claims: of the candidate; those against the anchor do not count for its pass rate.
        alpha: of the whole family.
    """
    own = [claim for claim in claims if not claim.anchor and claim.claim]
    powers = [claim.result.get("power") for claim in own]
    known = [float(power) for power in powers if power is not None]
    return {
        "candidate": candidate,
        "claims": family_size(planned),
        "candidates": len({test.checkpoint for test in planned if test.claims} - {baseline}),
        "alpha": alpha,
        "regressions": sum(claim.claim == "no_regression" for claim in own),
        "pass_rate": identical_pass_rate(known) if known and len(known) == len(powers) else None,
    }
