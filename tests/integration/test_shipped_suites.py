"""The suites as the wheel ships them, on samples and checkpoints that are not ours."""

from __future__ import annotations

import importlib.util
import json

import pytest

installed = importlib.util.find_spec("pytest_vlm.suites") is not None


@pytest.mark.skipif(not installed, reason="the suites are part of the wheel, not of this checkout")
def test_they_run_by_package_name(project):
    project.samples(80, tags=["plain"])
    given = [f"--checkpoint={project.checkpoint(n, accuracy=0.9)}" for n in "AB"]
    result = project.pytester.runpytest_subprocess(
        "--pyargs",
        "pytest_vlm.suites",
        "--vlm-engine=fake",
        "--vlm-samples=samples.jsonl",
        *given,
    )
    result.stdout.fnmatch_lines(["*exact match: Not worse*"])
    result.stdout.fnmatch_lines(["*not claimed: *no app is configured*"])
    result.stdout.fnmatch_lines(["*not claimed: *no sample carries the tag 'golden'*"])
    absent = [r for r in project.report()["records"] if r["kind"] == "AbsenceRecord"]
    assert {json.dumps(r["reason"]) for r in absent}
