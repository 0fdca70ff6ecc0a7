"""What came back from a run's tests: what they recorded, how they ended, which never began."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pytest_vlm.gate.plan import TestOutcome
    from pytest_vlm.report.model import Record

PROPERTY = "vlm"


def as_properties(records: Sequence[Record]) -> list[tuple[str, object]]:
    """Records as the user properties of a test, which its reports carry to the controller."""
    if not records:
        return []
    from pytest_vlm.report.model import dump_record

    return [(PROPERTY, dump_record(record)) for record in records]


class Findings:
    """Gathered from pytest's reports.

    Attributes:
        skipped_modules: why each module that skipped itself did.
    """

    def __init__(self) -> None:
        self.skipped_modules: dict[str, str] = {}
        self._records: dict[str, Record] = {}
        self._outcomes: dict[str, TestOutcome] = {}

    @property
    def records(self) -> list[Record]:
        """Each one once, in the order of arrival."""
        return list(self._records.values())

    @property
    def outcomes(self) -> list[TestOutcome]:
        """Of each test, and of each module that could not be collected."""
        return list(self._outcomes.values())

    def add(self, record: Record) -> None:
        """Take in a record; the same one counts once."""
        from pytest_vlm.report.model import dump_record

        self._records[getattr(record, "id", "") or dump_record(record)] = record

    def add_report(self, report: pytest.TestReport) -> None:
        """Take in a test's report; its records come back on several phases."""
        from pytest_vlm.gate.plan import TestOutcome
        from pytest_vlm.report.model import load_record

        for name, value in report.user_properties:
            if name == PROPERTY:
                self.add(load_record(str(value)))
        known = report.nodeid in self._outcomes
        if report.failed or (not known and (report.skipped or report.when == "call")):
            self._outcomes[report.nodeid] = TestOutcome(
                test=report.nodeid, outcome=report.outcome, message=_first_line(report)
            )

    def add_collected(self, report: pytest.CollectReport) -> None:
        """Take in a module that could not be collected, or that skipped itself."""
        if report.passed:
            return
        from pytest_vlm.gate.plan import TestOutcome

        reason = _first_line(report)
        if report.failed:
            message = f"it could not be collected ({reason})"
            self._outcomes[report.nodeid] = TestOutcome(
                test=report.nodeid, outcome="failed", message=message
            )
        else:
            self.skipped_modules[report.nodeid] = reason


def _first_line(report: pytest.TestReport | pytest.CollectReport) -> str:
    crash = getattr(report.longrepr, "reprcrash", None)
    if report.skipped and isinstance(report.longrepr, tuple):
        return str(report.longrepr[2])
    text = str(crash.message) if crash is not None else str(report.longrepr or "")
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[0] if lines else ""
