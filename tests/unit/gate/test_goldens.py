"""Goldens of a whole run: shared ones, and orphans."""

from __future__ import annotations

import pytest

from pytest_vlm.gate.goldens import orphan_event, orphans, shared_goldens
from pytest_vlm.gate.plan import PlannedTest, TestOutcome
from pytest_vlm.report.model import GoldenRecord

TEST = "suites/test_x.py::test_y[B]"


def golden(id: str, test: str = TEST, verdict: str = "pass") -> GoldenRecord:
    return GoldenRecord(test=test, candidate="B", golden=id, verdict=verdict, sentence="told")


def planned(test: str = TEST, *, checks: bool = True) -> PlannedTest:
    return PlannedTest(test=test, checkpoint="B", claims=0, golden=checks)


ACCEPTED = {
    "test_x.test_y/one": "suites/test_x.py::test_y",
    "test_x.test_y/two": "suites/test_x.py::test_y",
    "test_x.test_gone/one": "suites/test_x.py::test_gone",
}
PLANNED = (planned(),)
PASSED = (TestOutcome(test=TEST, outcome="passed"),)
RECORDS = (golden("test_x.test_y/one"),)


def found(
    *,
    accepted=ACCEPTED,
    tests=PLANNED,
    outcomes=PASSED,
    records=RECORDS,
    reached=lambda test: test.startswith("suites/"),
) -> list[str]:
    return orphans(accepted, planned=tests, outcomes=outcomes, records=records, reached=reached)


def test_two_tests_of_one_golden_are_told_once():
    other = "other/test_x.py::test_y[B]"
    records = [golden("t/one"), golden("t/two"), golden("t/one", other), golden("t/one", other)]
    assert list(shared_goldens(records)) == [
        f"two tests have the golden t/one: {TEST} and {other}; rename one, or give its golden "
        "another name"
    ]


def test_names_that_differ_in_upper_case_alone_are_shared():
    (told,) = shared_goldens([golden("t/one"), golden("t/One", "other.py::test")])
    assert "(there t/One)" in told


def test_one_test_may_record_its_golden_again():
    assert not list(shared_goldens([golden("t/one"), golden("t/one", verdict="fail")]))


def test_goldens_that_nobody_asked_for_are_orphans():
    assert found() == ["test_x.test_y/two", "test_x.test_gone/one"]


def test_what_a_failed_test_may_not_have_come_to_is_none():
    failed = TestOutcome(test=TEST, outcome="failed")
    assert found(outcomes=[failed]) == ["test_x.test_gone/one"]


@pytest.mark.parametrize("outcome", ["passed", "failed"])
def test_every_case_of_the_test_must_have_passed(outcome):
    case = "suites/test_x.py::test_y[B-2]"
    ended = [TestOutcome(test=TEST, outcome="passed"), TestOutcome(test=case, outcome=outcome)]
    listed = found(tests=[planned(), planned(case)], outcomes=ended)
    assert ("test_x.test_y/two" in listed) == (outcome == "passed")


def test_goldens_of_tests_that_were_not_to_be_collected_are_none():
    assert found(reached=lambda test: False) == []
    assert found(accepted={"test_x.test_gone/one": ""}, reached=lambda test: True) == []


def test_a_run_that_was_cut_short_has_none():
    late = planned("suites/test_z.py::test_z[B]", checks=False)
    assert found(tests=[planned(), late]) == []


def test_a_run_with_a_module_that_could_not_be_collected_has_none():
    broken = TestOutcome(
        test="suites/test_z.py", outcome="failed", message="it could not be collected (ImportError)"
    )
    assert found(outcomes=[*PASSED, broken]) == []


def test_a_failure_elsewhere_leaves_them():
    other = TestOutcome(test="suites/test_z.py::test_z", outcome="failed", message="no")
    assert found(outcomes=[*PASSED, other])


def test_orphans_are_told_with_the_command_that_removes_them():
    told = orphan_event({"t/one": ["goldens/t/one.json", "goldens/t/one.npz"]})
    assert told.startswith("an accepted golden that no test of this run asked for: t/one. ")
    assert told.endswith("rm goldens/t/one.json goldens/t/one.npz")
    many = orphan_event({f"t/{n:02}": [f"g/t/{n:02}.json"] for n in range(12)})
    assert many.startswith("12 accepted goldens")
    assert "t/09 and 2 more. " in many
    assert "t/10" not in many
