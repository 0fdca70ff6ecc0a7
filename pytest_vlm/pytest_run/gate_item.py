"""The gate as a test item: what pytest, xdist, junit and pytest-html all understand."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Literal

import pytest

if TYPE_CHECKING:
    from pytest_vlm.report.model import CandidateVerdict, GateVerdict


def gate_reports(
    verdicts: Iterable[CandidateVerdict], inconclusive: Literal["fail", "warn"]
) -> Iterator[pytest.TestReport]:
    """Reports of one synthetic item a candidate, called ``vlm gate[NAME]``.

    SHIP passes, HOLD fails, PARTIAL is skipped: it must not look green. INCONCLUSIVE fails, or is
    skipped where ``--vlm-inconclusive=warn`` says so.
    """
    outcomes: dict[GateVerdict, Literal["passed", "failed", "skipped"]] = {
        "SHIP": "passed",
        "HOLD": "failed",
        "INCONCLUSIVE": "failed" if inconclusive == "fail" else "skipped",
        "PARTIAL": "skipped",
    }
    for verdict in verdicts:
        name = f"vlm gate[{verdict.candidate}]"
        outcome = outcomes[verdict.verdict]
        yield _report(name, "setup", "passed", None)
        yield _report(name, "call", outcome, _explanation(name, verdict, outcome))
        yield _report(name, "teardown", "passed", None)


def _explanation(
    name: str, verdict: CandidateVerdict, outcome: str
) -> str | tuple[str, int, str] | None:
    if outcome == "passed":
        return None
    text = f"{verdict.verdict}: {verdict.candidate} against {verdict.baseline}"
    if outcome == "skipped":
        return (name, 0, f"{text}: {'; '.join(verdict.reasons)}")
    shown = [f"  + {fact}" for fact in verdict.shown]
    return "\n".join([text, *(f"  - {reason}" for reason in verdict.reasons), *shown])


def _report(
    name: str,
    when: Literal["setup", "call", "teardown"],
    outcome: Literal["passed", "failed", "skipped"],
    longrepr: str | tuple[str, int, str] | None,
) -> pytest.TestReport:
    return pytest.TestReport(
        nodeid=name,
        location=("vlm gate", None, name),
        keywords={},
        outcome=outcome,
        longrepr=longrepr,
        when=when,
    )
