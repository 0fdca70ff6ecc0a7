"""Records count once however often they come; the worst phase of a test is its outcome."""

from __future__ import annotations

import pytest

from pytest_vlm.pytest_run.findings import Findings, as_properties
from pytest_vlm.report.model import EventRecord

RECORD = EventRecord(checkpoint="B", event="was dropped")


def report(when="call", outcome="passed", longrepr=None, records=()):
    return pytest.TestReport(
        nodeid="test_x.py::test",
        location=("test_x.py", 0, "test"),
        keywords={},
        outcome=outcome,
        longrepr=longrepr,
        when=when,
        user_properties=[("theirs", "1"), *as_properties(records)],
    )


def test_a_record_that_comes_back_on_every_phase_counts_once():
    findings = Findings()
    for when in ("setup", "call", "teardown"):
        findings.add_report(report(when, records=[RECORD]))
    findings.add(RECORD)
    assert findings.records == [RECORD]


@pytest.mark.parametrize(
    ("phases", "outcome", "message"),
    [
        ([("setup", "passed", None), ("call", "passed", None)], "passed", ""),
        ([("setup", "skipped", ("x.py", 1, "no app"))], "skipped", "no app"),
        ([("setup", "failed", "\nno model\nmore")], "failed", "no model"),
        ([("call", "passed", None), ("teardown", "failed", "it leaks")], "failed", "it leaks"),
        (
            [("call", "failed", "it lost"), ("teardown", "skipped", ("x.py", 1, "no"))],
            "failed",
            "it lost",
        ),
    ],
)
def test_the_outcome_of_a_test_is_that_of_its_worst_phase(phases, outcome, message):
    findings = Findings()
    for phase in phases:
        findings.add_report(report(*phase))
    [found] = findings.outcomes
    assert (found.outcome, found.message) == (outcome, message)


def test_a_test_that_was_only_set_up_has_no_outcome():
    findings = Findings()
    findings.add_report(report("setup"))
    assert findings.outcomes == []


def test_a_module_that_cannot_be_collected_fails_and_one_that_skips_itself_is_told():
    findings = Findings()
    for node, outcome, longrepr in (
        ("test_a.py", "passed", None),
        ("test_b.py", "failed", "ImportError: no torch"),
        ("test_c.py", "skipped", ("test_c.py", 3, "no card")),
    ):
        findings.add_collected(pytest.CollectReport(node, outcome, longrepr, []))
    [found] = findings.outcomes
    assert (found.test, found.outcome) == ("test_b.py", "failed")
    assert found.message == "it could not be collected (ImportError: no torch)"
    assert findings.skipped_modules == {"test_c.py": "no card"}
