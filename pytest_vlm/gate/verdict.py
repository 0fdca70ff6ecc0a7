"""The gate: from what was planned and what came back to one verdict a candidate. Fails closed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence, Set

from pytest_vlm.gate.family import family_of, found_together
from pytest_vlm.gate.goldens import shared_goldens
from pytest_vlm.gate.plan import PlannedTest, TestOutcome
from pytest_vlm.report.model import (
    ANCHORED,
    AbsenceRecord,
    CandidateVerdict,
    ClaimRecord,
    GateVerdict,
    GoldenRecord,
    MemoryRecord,
    Record,
)

BROKEN = ("fail", "inconclusive", "missing")
LONGEST = 500


def decide(
    *,
    candidate: str,
    baseline: str,
    planned: Sequence[PlannedTest],
    outcomes: Sequence[TestOutcome],
    records: Sequence[Record],
    selection: Sequence[str] = (),
    alpha: float = 0.05,
    anchor: str = "",
) -> CandidateVerdict:
    """The verdict on one candidate.

    HOLD: a claim or a test failed (unless it is about another candidate), or something planned is
    missing.
    INCONCLUSIVE: none failed, some claim is not shown. PARTIAL: nothing is wrong, but it was not
    the whole suite. SHIP: every claim passed and nothing was left out.

    Args:
        candidate: its name.
        baseline: its name; a broken baseline holds every candidate.
        planned: every collected test that uses a checkpoint.
        outcomes: one for each test that ended, and for each module that could not be collected.
        records: everything the tests recorded.
        selection: why this is not the whole suite; empty when it is.
        alpha: of the whole family of "no regression" claims.
        anchor: name of the checkpoint that every "not worse" is claimed against as well.
    """
    own = [test for test in planned if test.checkpoint in (candidate, baseline)]
    claims = [r for r in records if isinstance(r, ClaimRecord) and r.candidate == candidate]
    goldens = [r for r in records if isinstance(r, GoldenRecord) and r.candidate == candidate]
    others = {test.test for test in planned} - {test.test for test in own}
    weighty = [
        ("HOLD", [_told(c) for c in claims if c.verdict == "fail"]),
        ("HOLD", list(found_together(records, candidate, alpha))),
        ("HOLD", [f"golden {g.golden}: {g.sentence}" for g in goldens if g.verdict in BROKEN]),
        ("HOLD", list(shared_goldens(goldens))),
        ("HOLD", list(_failed(others, outcomes, [*claims, *goldens]))),
        ("HOLD", list(_over_the_limit(own, outcomes, records))),
        ("HOLD", list(_missing(own, outcomes, records, claims))),
        ("HOLD", list(_without_anchor(claims, anchor))),
        ("INCONCLUSIVE", [_told(c) for c in claims if c.verdict == "inconclusive"]),
        ("PARTIAL", [*selection, *_no_claim(claims), *_left_out(own, outcomes, records)]),
    ]
    verdict: GateVerdict = "SHIP"
    for name, reasons in weighty:
        if reasons:
            verdict = name  # type: ignore[assignment]
            break
    return CandidateVerdict(
        candidate=candidate,
        baseline=baseline,
        verdict=verdict,
        reasons=tuple(reason for _, found in weighty for reason in found),
        shown=tuple(_shown(claims, goldens)),
        not_claimed=tuple(_not_claimed(own, records)),
        family=family_of(planned, candidate, baseline, claims, alpha),
    )


def _told(claim: ClaimRecord) -> str:
    against = f" against the anchor {claim.baseline}" if claim.anchor else ""
    return f"{claim.score}{against}: {claim.sentence}"


def _without_anchor(claims: Sequence[ClaimRecord], anchor: str) -> Iterator[str]:
    """Every claim that bounds a loss must have its counterpart, and there must be one."""
    made = [claim for claim in claims if claim.claim]
    if not anchor or not made:
        return
    own = Counter((c.test, c.score) for c in made if c.claim in ANCHORED and not c.anchor)
    own.subtract((c.test, c.score) for c in made if c.anchor)
    if not own:
        yield (
            f"nothing was compared with the anchor {anchor}: only claims of "
            f"{' and '.join(ANCHORED)} are"
        )
    for (test, score), missing in own.items():
        if missing > 0:
            yield f"{_short(test)} was not compared with the anchor {anchor} ({score})"


def _failed(
    others: Set[str],
    outcomes: Sequence[TestOutcome],
    explaining: Sequence[ClaimRecord | GoldenRecord],
) -> Iterator[str]:
    explained = [record for record in explaining if record.verdict in BROKEN]
    for outcome in outcomes:
        known = any(r.test == outcome.test and r.sentence in outcome.message for r in explained)
        if outcome.outcome == "failed" and outcome.test not in others and not known:
            said = outcome.message.removeprefix(f"{outcome.test}: ")
            yield f"{_short(outcome.test)} failed: {said[:LONGEST] or 'no message'}"


def _over_the_limit(
    own: Sequence[PlannedTest], outcomes: Sequence[TestOutcome], records: Sequence[Record]
) -> Iterator[str]:
    told = {outcome.test for outcome in outcomes if outcome.outcome == "failed"}
    names = {test.test for test in own} - told
    for record in records:
        if isinstance(record, MemoryRecord) and not record.within and record.test in names:
            did = "kept" if record.measure == "leak" else "took"
            yield f"{_short(record.test)} {did} more memory than it may"


def _missing(
    own: Sequence[PlannedTest],
    outcomes: Sequence[TestOutcome],
    records: Sequence[Record],
    claims: Sequence[ClaimRecord],
) -> Iterator[str]:
    ended = {outcome.test: outcome.outcome for outcome in outcomes}
    absent = {record.test for record in records if isinstance(record, AbsenceRecord)}
    checked = {record.test for record in records if isinstance(record, GoldenRecord)}
    planned_claims = [test for test in own if test.claims]
    for test in own:
        if test.test not in ended:
            yield f"{_short(test.test)} never ended"
        elif test.claims and test.test not in absent and ended[test.test] != "failed":
            made = _made(claims, test.test)
            if made < test.claims:
                yield f"{_short(test.test)} made {made} of {test.claims} claims"
        elif test.golden and test.test not in absent | checked and ended[test.test] == "passed":
            yield f"{_short(test.test)} checked no golden"
    if not planned_claims and not own:
        yield "no test about it was collected"
    if planned_claims and not claims and all(test.test in absent for test in planned_claims):
        yield "not one claim could be made"


def _made(claims: Sequence[ClaimRecord], test: str) -> int:
    """Claims of a test; numbers that it only reports stand in for them where it makes none."""
    told = [claim for claim in claims if claim.test == test and not claim.anchor]
    return len({claim.id for claim in told if claim.claim} or {claim.id for claim in told})


def _left_out(
    own: Sequence[PlannedTest], outcomes: Sequence[TestOutcome], records: Sequence[Record]
) -> Iterator[str]:
    absent = {record.test for record in records if isinstance(record, AbsenceRecord)}
    names = {test.test for test in own if not test.claims} - absent
    for outcome in outcomes:
        if outcome.outcome == "skipped" and outcome.test in names:
            yield f"{_short(outcome.test)} was skipped"


def _no_claim(claims: Sequence[ClaimRecord]) -> Iterator[str]:
    if not any(claim.verdict != "reported" for claim in claims):
        yield "no claim was made"


def _shown(claims: Sequence[ClaimRecord], goldens: Sequence[GoldenRecord]) -> Iterator[str]:
    for claim in claims:
        if claim.verdict == "pass":
            yield _told(claim)
    matching = [record for record in goldens if record.verdict == "pass"]
    if matching:
        yield f"{len(matching)} of {len(goldens)} goldens match"


def _not_claimed(own: Sequence[PlannedTest], records: Sequence[Record]) -> list[str]:
    names = {test.test for test in own}
    absences = (r for r in records if isinstance(r, AbsenceRecord) and r.test in names)
    return sorted({f"{_short(r.test)}: {r.reason}" for r in absences})


def _short(test: str) -> str:
    return test.rpartition("::")[2] or test
