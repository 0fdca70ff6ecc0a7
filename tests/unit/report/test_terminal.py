"""The terminal: the family and the reuse of samples stand between verdict and numbers."""

from __future__ import annotations

from pathlib import Path

from reported import FAMILY, attempt, report

from pytest_vlm.report.family import family_sentence
from pytest_vlm.report.model import CandidateVerdict
from pytest_vlm.report.reuse import reuse
from pytest_vlm.report.terminal import summary_lines

FOLDER = Path("/run")


def test_a_single_claim_on_new_samples_says_no_more_than_before():
    lines = list(summary_lines(report(attempts=(attempt(0),)), FOLDER))
    assert lines == [
        ("SHIP  B against A", {"green": True, "bold": True}),
        ("report: /run/index.html", {}),
    ]


def test_the_family_and_the_reuse_are_told_once():
    verdicts = tuple(
        CandidateVerdict(
            candidate=name, baseline="A", verdict="HOLD", reasons=("why",), family=FAMILY
        )
        for name in ("B", "C")
    )
    found = report(verdicts=verdicts, attempts=(attempt(0), attempt(1)))
    assert list(summary_lines(found, FOLDER))[-3:] == [
        (f"  {family_sentence(FAMILY)}", {"light": True}),
        (f"  {reuse(found)}", {"yellow": True}),
        ("report: /run/index.html", {}),
    ]
    words = [line for line, _ in summary_lines(found, FOLDER)]
    assert len(words) == len(set(words)) + 1, "only the reason stands twice"
