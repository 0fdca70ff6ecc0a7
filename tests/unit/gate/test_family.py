"""All claims of a run as one family: Holm in the end, the anchor beside every claim."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pytest_vlm.gate.family import family_of, family_size, found_together
from pytest_vlm.gate.plan import PlannedTest, TestOutcome
from pytest_vlm.gate.verdict import decide
from pytest_vlm.report.model import ClaimRecord


def planned(test: str, *candidates: str, claims: int = 1) -> list[PlannedTest]:
    return [PlannedTest(test=f"{test}[{c}]", checkpoint=c, claims=claims) for c in candidates]


def regression(p: float, *, score: str, candidate: str = "B", verdict: str = "pass") -> ClaimRecord:
    return ClaimRecord(
        id=f"{score}[{candidate}]#1",
        test=f"{score}[{candidate}]",
        candidate=candidate,
        baseline="A",
        score=score,
        claim="no_regression",
        verdict=verdict,
        sentence="No regression seen.",
        result={"p_value": p, "power": 0.9},
    )


def not_worse(*, anchor: bool, verdict: str = "pass", power: float | None = 0.8) -> ClaimRecord:
    return ClaimRecord(
        id=f"answers[B]#{1 + anchor}",
        test="answers[B]",
        candidate="B",
        baseline="first" if anchor else "A",
        score="exact match",
        claim="not_worse",
        verdict=verdict,
        sentence="A sentence.",
        result={"p_value": 0.01, "power": power},
        anchor=anchor,
    )


def judge(tests, records, **options):
    outcomes = [TestOutcome(test=test.test, outcome="passed") for test in tests]
    return decide(
        candidate="B", baseline="A", planned=tests, outcomes=outcomes, records=records, **options
    )


def test_counts_claims_times_candidates():
    tests = [*planned("one", "B", "C"), *planned("two", "B", "C", claims=3)]
    assert family_size(tests) == 8
    assert family_size([]) == 1


def test_holm_finds_what_bonferroni_leaves():
    """0.01 of 4 is found at once; then 0.016 is compared with a third, not with a quarter."""
    records = [
        regression(0.01, score="s1", verdict="fail"),
        regression(0.016, score="s2"),
        regression(0.2, score="s3"),
        regression(0.9, score="s4"),
    ]
    [reason] = found_together(records, "B", 0.05)
    assert reason.startswith("s2: a regression, seen among all 4 claims")
    tests = [test for i in "1234" for test in planned(f"s{i}", "B")]
    assert judge(tests, [regression(0.016, score="s2"), *records[2:]]).verdict == "HOLD"
    assert list(found_together(records[1:3], "B", 0.05)) != []
    assert list(found_together([records[2], records[3]], "B", 0.05)) == []


def test_the_family_is_that_of_all_candidates():
    others = [regression(0.4, score=f"s{i}", candidate="C") for i in range(4)]
    mine = regression(0.02, score="s0")
    assert list(found_together([mine], "B", 0.05))
    assert not list(found_together([mine, *others], "B", 0.05))
    assert not list(found_together([mine], "C", 0.05))


def test_tells_the_pass_rate_of_an_identical_candidate():
    tests = planned("answers", "B") + planned("base", "A", claims=0)
    family = family_of(tests, "B", "A", [not_worse(anchor=False), not_worse(anchor=True)], 0.05)
    assert family == {
        "candidate": "B",
        "claims": 1,
        "candidates": 1,
        "alpha": 0.05,
        "regressions": 0,
        "pass_rate": 0.8,
    }
    both = [not_worse(anchor=False), regression(0.5, score="s1")]
    assert family_of(tests, "B", "A", both, 0.05)["pass_rate"] == pytest.approx(0.72)
    assert (
        family_of(tests, "B", "A", [not_worse(anchor=False, power=None)], 0.05)["pass_rate"] is None
    )


def test_an_anchor_is_missed_where_it_was_not_asked():
    tests = planned("answers", "B")
    alone, both = [not_worse(anchor=False)], [not_worse(anchor=False), not_worse(anchor=True)]
    assert judge(tests, alone).verdict == "SHIP"
    missed = judge(tests, alone, anchor="first")
    assert missed.verdict == "HOLD"
    assert missed.reasons == ("answers[B] was not compared with the anchor first (exact match)",)
    assert judge(tests, both, anchor="first").verdict == "SHIP"


def test_a_claim_against_the_anchor_is_no_second_claim():
    tests = planned("answers", "B", claims=2)
    verdict = judge(tests, [not_worse(anchor=False), not_worse(anchor=True)], anchor="first")
    assert verdict.reasons == ("answers[B] made 1 of 2 claims",)


def test_an_anchor_that_nothing_was_compared_with_protects_from_nothing():
    tests = planned("s1", "B")
    alone = [regression(0.9, score="s1")]
    assert judge(tests, alone).verdict == "SHIP"
    missed = judge(tests, alone, anchor="first")
    assert missed.verdict == "HOLD"
    assert missed.reasons == (
        "nothing was compared with the anchor first: only claims of not_worse and equivalent are",
    )


def test_equivalence_is_claimed_against_the_anchor_too():
    tests = planned("answers", "B")
    alike = replace(not_worse(anchor=False), claim="equivalent")
    assert judge(tests, [alike], anchor="first").verdict == "HOLD"
    assert judge(tests, [alike, not_worse(anchor=True)], anchor="first").verdict == "SHIP"


def test_numbers_that_are_only_reported_are_no_claim():
    tests = planned("answers", "B", claims=2)
    told = replace(not_worse(anchor=False), id="answers[B]#9", claim="", verdict="reported")
    verdict = judge(tests, [not_worse(anchor=False), told])
    assert verdict.reasons == ("answers[B] made 1 of 2 claims",)
