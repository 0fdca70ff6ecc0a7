"""From what was planned and what came back to one verdict a candidate."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pytest_vlm.gate.plan import PlannedTest, TestOutcome
from pytest_vlm.gate.verdict import decide
from pytest_vlm.report.model import AbsenceRecord, ClaimRecord, GoldenRecord, MemoryRecord

ANSWERS, POINTING, PLAIN, BASE = (
    f"suites/test_x.py::test_{name}"
    for name in ("answers[B]", "pointing[B]", "memory[B]", "memory[A]")
)
OTHER = "suites/test_x.py::test_answers[C]"


def plan(*, answers=1, pointing=0, plain=True) -> list[PlannedTest]:
    tests = [
        PlannedTest(test=BASE, checkpoint="A", claims=0),
        PlannedTest(test=OTHER, checkpoint="C", claims=1),
    ]
    if answers:
        tests.append(PlannedTest(test=ANSWERS, checkpoint="B", claims=answers))
    if pointing:
        tests.append(PlannedTest(test=POINTING, checkpoint="B", claims=pointing))
    if plain:
        tests.append(PlannedTest(test=PLAIN, checkpoint="B", claims=0))
    return tests


def ended(planned: list[PlannedTest], **differently: str) -> list[TestOutcome]:
    """Everything passed, except what is named by a prefix of its function's name."""
    outcomes = []
    for test in planned:
        function = test.test.rpartition("::test_")[2]
        key = function.replace("[", "_").rstrip("]")
        outcome = differently.get(key, "passed")
        if outcome != "never":
            outcomes.append(TestOutcome(test=test.test, outcome=outcome, message="boom"))
    return outcomes


def claim(verdict: str, *, test: str = ANSWERS, candidate: str = "B", number: int = 1):
    return ClaimRecord(
        id=f"{test}#{number}",
        test=test,
        candidate=candidate,
        baseline="A",
        score="exact match",
        claim="not_worse",
        verdict=verdict,
        sentence=f"The sentence of {verdict}.",
    )


def golden(verdict: str):
    return GoldenRecord(
        test=PLAIN, candidate="B", golden="x/y", verdict=verdict, sentence="The map."
    )


def absent(test: str):
    return AbsenceRecord(test=test, checkpoint="B", reason="no sample carries a region")


def saying(outcomes, records):
    """A claim or a golden that does not hold raises its sentence."""
    said = {r.test: f"Raised: {r.sentence}" for r in records if hasattr(r, "sentence")}
    return [replace(o, message=said.get(o.test, o.message)) for o in outcomes]


def judge(planned, outcomes, records, selection=()):
    return decide(
        candidate="B",
        baseline="A",
        planned=planned,
        outcomes=saying(outcomes, records),
        records=records,
        selection=selection,
    )


PASS = [claim("pass")]


@pytest.mark.parametrize(
    ("verdict", "planned", "differently", "records", "selection", "reason"),
    [
        ("SHIP", plan(), {}, PASS, (), "exact match: The sentence of pass."),
        ("HOLD", plan(), {"answers_B": "failed"}, [claim("fail")], (), "The sentence of fail."),
        ("HOLD", plan(), {"memory_B": "failed"}, PASS, (), "test_memory[B] failed: boom"),
        ("HOLD", plan(), {"memory_A": "failed"}, PASS, (), "test_memory[A] failed: boom"),
        ("HOLD", plan(), {"memory_B": "never"}, PASS, (), "test_memory[B] never ended"),
        ("HOLD", plan(), {"memory_A": "never"}, PASS, (), "test_memory[A] never ended"),
        ("HOLD", plan(), {"answers_B": "never"}, [], (), "test_answers[B] never ended"),
        ("HOLD", plan(), {"answers_B": "failed"}, [], (), "test_answers[B] failed: boom"),
        ("HOLD", plan(), {}, [], (), "test_answers[B] made 0 of 1 claims"),
        ("HOLD", plan(answers=2), {}, PASS, (), "test_answers[B] made 1 of 2 claims"),
        ("HOLD", plan(answers=2), {}, PASS * 2, (), "test_answers[B] made 1 of 2 claims"),
        (
            "SHIP",
            plan(answers=2),
            {},
            [claim("pass"), claim("pass", number=2)],
            (),
            "exact match: The sentence of pass.",
        ),
        (
            "SHIP",
            plan(pointing=1),
            {"pointing_B": "skipped"},
            [*PASS, absent(POINTING)],
            (),
            "exact match: The sentence of pass.",
        ),
        (
            "HOLD",
            plan(),
            {"answers_B": "skipped"},
            [absent(ANSWERS)],
            (),
            "not one claim could be made",
        ),
        (
            "HOLD",
            plan(pointing=1),
            {"answers_B": "skipped", "pointing_B": "skipped"},
            [absent(ANSWERS), absent(POINTING)],
            (),
            "not one claim could be made",
        ),
        ("PARTIAL", plan(), {"memory_B": "skipped"}, PASS, (), "test_memory[B] was skipped"),
        ("PARTIAL", plan(), {"memory_A": "skipped"}, PASS, (), "test_memory[A] was skipped"),
        (
            "SHIP",
            plan(),
            {"memory_B": "skipped"},
            [*PASS, absent(PLAIN)],
            (),
            "exact match: The sentence of pass.",
        ),
        ("HOLD", plan(), {"answers_B": "skipped"}, [], (), "test_answers[B] made 0 of 1 claims"),
        (
            "HOLD",
            plan(pointing=1),
            {"pointing_B": "skipped"},
            PASS,
            (),
            "test_pointing[B] made 0 of 1 claims",
        ),
        ("PARTIAL", plan(), {}, PASS, ("2 tests deselected",), "2 tests deselected"),
        (
            "HOLD",
            plan(),
            {"answers_B": "failed"},
            [claim("fail")],
            ("2 tests deselected",),
            "2 tests deselected",
        ),
        (
            "INCONCLUSIVE",
            plan(),
            {"answers_B": "failed"},
            [claim("inconclusive")],
            (),
            "exact match: The sentence of inconclusive.",
        ),
        (
            "INCONCLUSIVE",
            plan(),
            {},
            [claim("inconclusive")],
            ("2 tests deselected",),
            "exact match: The sentence of inconclusive.",
        ),
        (
            "INCONCLUSIVE",
            plan(pointing=1),
            {"pointing_B": "failed"},
            [*PASS, claim("inconclusive", test=POINTING)],
            (),
            "exact match: The sentence of pass.",
        ),
        (
            "HOLD",
            plan(),
            {"answers_B": "failed", "memory_B": "failed"},
            [claim("inconclusive")],
            (),
            "test_memory[B] failed: boom",
        ),
        (
            "HOLD",
            plan(pointing=1),
            {"answers_B": "failed", "pointing_B": "failed"},
            [claim("fail"), claim("inconclusive", test=POINTING)],
            (),
            "exact match: The sentence of inconclusive.",
        ),
        ("SHIP", plan(), {"answers_C": "failed"}, PASS, (), "exact match: The sentence of pass."),
        ("SHIP", plan(), {"answers_C": "never"}, PASS, (), "exact match: The sentence of pass."),
        (
            "SHIP",
            plan(),
            {"answers_C": "failed"},
            [*PASS, claim("fail", test=OTHER, candidate="C")],
            (),
            "exact match: The sentence of pass.",
        ),
        ("PARTIAL", plan(answers=0), {}, [], (), "no claim was made"),
        ("HOLD", [], {}, [], (), "no test about it was collected"),
        ("HOLD", plan(), {"memory_B": "failed"}, [*PASS, golden("fail")], (), "golden x/y"),
        ("HOLD", plan(), {"memory_B": "failed"}, [*PASS, golden("missing")], (), "golden x/y"),
        ("SHIP", plan(), {}, [*PASS, golden("pass")], (), "1 of 1 goldens match"),
    ],
)
def test_verdict_and_its_reason(verdict, planned, differently, records, selection, reason):
    found = judge(planned, ended(planned, **differently), records, selection)
    assert found.verdict == verdict
    assert any(reason in text for text in (*found.reasons, *found.shown))


def test_what_is_only_reported_proves_nothing():
    """``compare(...).report()`` makes no claim, so nothing was shown."""
    planned = plan()
    assert judge(planned, ended(planned), [claim("reported")]).verdict != "SHIP"


def test_one_cause_is_told_once():
    planned = plan()
    found = judge(planned, ended(planned, answers_B="failed"), [claim("fail")])
    assert found.reasons == ("exact match: The sentence of fail.",)


def test_the_heaviest_reason_comes_first():
    planned = plan(pointing=1)
    outcomes = ended(planned, answers_B="failed", pointing_B="failed", memory_B="failed")
    records = [claim("inconclusive", test=POINTING), claim("fail")]
    found = judge(planned, outcomes, records, ("a selection",))
    assert found.reasons == (
        "exact match: The sentence of fail.",
        "test_memory[B] failed: boom",
        "exact match: The sentence of inconclusive.",
        "a selection",
    )


def test_a_test_that_passed_and_then_failed_to_clean_up_has_failed():
    planned = plan()
    outcomes = [*ended(planned), TestOutcome(test=PLAIN, outcome="failed", message="teardown")]
    assert judge(planned, outcomes, PASS).verdict == "HOLD"


def test_what_speaks_against_and_what_was_shown_are_kept_apart():
    planned = plan(pointing=1)
    outcomes = ended(planned, answers_B="failed", memory_B="skipped")
    records = [claim("fail"), claim("pass", test=POINTING), absent(PLAIN)]
    found = judge(planned, outcomes, records)
    assert found.reasons == ("exact match: The sentence of fail.",)
    assert found.shown == ("exact match: The sentence of pass.",)
    assert found.not_claimed == ("test_memory[B]: no sample carries a region",)


def test_a_failure_of_a_test_about_nobody_holds_everybody():
    planned = plan()
    stray = TestOutcome(test="suites/test_x.py::test_data", outcome="failed", message="no data")
    found = judge(planned, [*ended(planned), stray], PASS)
    assert found.verdict == "HOLD"
    assert "test_data failed: no data" in found.reasons


def test_a_failure_whose_message_begins_with_its_test_names_that_once():
    planned = plan()
    outcome = TestOutcome(test=PLAIN, outcome="failed", message=f"{PLAIN}: what happened")
    found = judge(planned, [*ended(planned), outcome], PASS)
    assert found.reasons == ("test_memory[B] failed: what happened",)


def test_a_swallowed_memory_failure_holds():
    planned = plan()
    over = MemoryRecord(test=PLAIN, checkpoint="B", device="cpu", bytes=2, limit=1, within=False)
    found = judge(planned, ended(planned), [*PASS, over])
    assert found.verdict == "HOLD"
    assert found.reasons == ("test_memory[B] took more memory than it may",)


def test_no_test_about_a_checkpoint_holds():
    assert judge([], [], []).reasons[0] == "no test about it was collected"
    assert judge([], [], []).verdict == "HOLD"


def test_a_crash_after_an_inconclusive_claim_holds():
    """With --vlm-inconclusive=warn the claim does not raise: something else failed."""
    planned = plan()
    found = decide(
        candidate="B",
        baseline="A",
        planned=planned,
        outcomes=ended(planned, answers_B="failed"),
        records=[claim("inconclusive")],
    )
    assert found.verdict == "HOLD"
    assert "test_answers[B] failed: boom" in found.reasons
