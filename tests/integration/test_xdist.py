"""Under xdist the verdict is the controller's, also when a worker is killed."""

from __future__ import annotations

import pytest

pytest.importorskip("xdist", reason="pytest-xdist is not installed")

SUITE = """
import os, signal
import pytest
from pytest_vlm.scores import contains, exact_match

def test_answers(compare, samples):
    compare(samples, score=exact_match).assert_not_worse(margin=0.05)

def test_again(compare, samples):
    if {kill}:
        os.kill(os.getpid(), signal.SIGKILL)
    compare(samples, score=exact_match).assert_not_worse(margin=0.05)

def test_speaks(predict, samples):
    assert predict(samples[:1])
"""


def gate(project, *options):
    given = [f"--checkpoint={project.checkpoint(name, accuracy=0.9)}" for name in "AB"]
    return project.pytester.runpytest_subprocess(
        "--vlm-engine=fake", "--vlm-samples=samples.jsonl", *given, *options
    )


def test_two_workers_give_one_verdict(project, suite):
    suite(SUITE.format(kill=False))
    project.samples()
    result = gate(project, "-n2", "--junitxml=junit.xml", "--html=report.html")
    assert result.ret == 0
    result.assert_outcomes(passed=5)
    assert project.verdicts() == {"B": "SHIP"}
    claims = [r for r in project.report()["records"] if r["kind"] == "ClaimRecord"]
    assert len(claims) == 2
    assert 'name="vlm gate[B]"' in (project.path / "junit.xml").read_text()
    assert "SHIP" in (project.path / "report.html").read_text()


def test_a_killed_worker_is_red_and_named(project, suite):
    suite(SUITE.format(kill=True))
    project.samples()
    result = gate(project, "-n2")
    assert result.ret == 1
    assert project.verdicts() == {"B": "HOLD"}
    reasons = " ".join(project.report()["verdicts"][0]["reasons"])
    assert "test_again[B]" in reasons


def test_a_selection_is_partial_under_xdist_too(project, suite):
    suite(SUITE.format(kill=False))
    project.samples()
    gate(project, "-n2", "-k", "answers")
    assert project.verdicts() == {"B": "PARTIAL"}


def test_workers_compute_nothing_twice(project, suite):
    suite(SUITE.format(kill=False))
    project.samples()
    assert gate(project, "-n2").ret == 0
    speeds = [r for r in project.report()["records"] if r["kind"] == "SpeedRecord"]
    assert sum(record["samples"] for record in speeds) == 100  # A and B are the same script
    assert gate(project, "-n2").ret == 0
    speeds = [r for r in project.report()["records"] if r["kind"] == "SpeedRecord"]
    assert sum(record["samples"] for record in speeds) == 0
