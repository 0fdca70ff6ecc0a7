"""Goldens through pytest: pending, accepted from the artifacts, compared for the candidate."""

from __future__ import annotations

import json

from pytest_vlm.__main__ import main

SUITE = """
import pytest

def test_map(golden, relevance, samples):
    golden("first").check(relevance(samples[0]))
"""
ID = "test_suite.test_map/first"


def pair(project):
    return project.checkpoint("A", looks="away"), project.checkpoint("B", looks="inside")


def test_a_missing_golden_fails_and_is_accepted_from_the_report_folder(project, suite, capsys):
    suite(SUITE)
    project.samples(3)
    result = project.gate(*pair(project))
    assert result.ret == 1
    result.stdout.fnmatch_lines([f"*python -m pytest_vlm accept *vlm-report {ID} --candidate B*"])
    assert not (project.path / "goldens").exists()

    assert main(["accept", "vlm-report"]) == 0
    assert capsys.readouterr().out.splitlines()[-2:] == ["B:", f"  {ID}"]
    assert main(["accept", "vlm-report", ID, "--reason", "looks right"]) == 0
    provenance = json.loads((project.path / f"goldens/{ID}.json").read_text())
    assert provenance["reason"] == "looks right"
    assert provenance["checkpoint"] == "B"

    project.gate(*pair(project))
    assert [r["verdict"] for r in project.report()["records"] if "golden" in r] == ["pass"]


def test_the_candidate_is_checked_and_the_baseline_only_shown(project, suite):
    suite(SUITE)
    project.samples(3)
    project.gate(*pair(project), options=("--vlm-accept-goldens",))
    a, b = pair(project)
    assert project.gate(a, b).parseoutcomes()["passed"] == 1
    result = project.gate(b, a)
    assert result.ret == 1
    result.stdout.fnmatch_lines(["*golden test_suite.test_map/first*Not the accepted map*"])
    assert project.verdicts() == {"A": "HOLD"}


def test_another_sample_never_matches(project, suite):
    suite(SUITE)
    project.samples(3)
    project.gate(*pair(project), options=("--vlm-accept-goldens",))
    project.samples(3, query="What else is it?")
    result = project.gate(*pair(project))
    assert result.ret == 1
    result.stdout.fnmatch_lines(["*it was accepted for another sample*"])


def test_a_name_that_leaves_the_folder_is_refused(project, suite):
    suite(SUITE.replace('"first"', '"../../first"'))
    project.samples(3)
    result = project.gate(*pair(project), options=("--vlm-accept-goldens",))
    assert result.ret == 1
    result.stdout.fnmatch_lines(["*is no name for a golden*"])
    assert not list(project.path.parent.glob("first.*"))
