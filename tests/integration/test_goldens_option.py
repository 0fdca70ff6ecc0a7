"""Goldens through pytest: pending, accepted from the artifacts, compared for the candidate."""

from __future__ import annotations

import json

import pytest

from pytest_vlm.__main__ import main

SUITE = """
import pytest

def test_map(golden, relevance, samples):
    golden("first").check(relevance(samples[0]))
"""
ID = "test_suite.test_map/first"
ACCEPT = ("--vlm-accept-goldens",)


@pytest.fixture(autouse=True)
def _by_a_person(monkeypatch):
    monkeypatch.delenv("CI", raising=False)


def pair(project):
    return project.checkpoint("A", looks="away"), project.checkpoint("B", looks="inside")


def goldens(project) -> list[dict[str, object]]:
    return [record for record in project.report()["records"] if "golden" in record]


def test_a_missing_golden_fails_and_is_accepted_from_the_report_folder(project, suite, capsys):
    suite(SUITE)
    project.samples(3)
    result = project.gate(*pair(project))
    assert result.ret == 1
    result.stdout.fnmatch_lines([f"*python -m pytest_vlm accept *vlm-report {ID} --candidate B*"])
    assert not (project.path / "goldens").exists()

    assert main(["accept", "vlm-report", ID, "--reason", "looks right"]) == 0
    provenance = json.loads((project.path / f"goldens/{ID}.json").read_text())
    assert provenance["reason"] == "looks right"
    assert provenance["checkpoint"] == "B"
    assert provenance["test"] == "test_suite.py::test_map"

    project.gate(*pair(project))
    (record,) = goldens(project)
    assert record["verdict"] == "pass"
    assert record["variant"] == "cpu"


def test_the_candidate_is_checked_and_the_baseline_only_shown(project, suite):
    suite(SUITE)
    project.samples(3)
    project.gate(*pair(project), options=ACCEPT)
    a, b = pair(project)
    assert project.gate(a, b).parseoutcomes()["passed"] == 1
    result = project.gate(b, a)
    assert result.ret == 1
    result.stdout.fnmatch_lines(["*golden test_suite.test_map/first*Not the accepted map*"])
    assert project.verdicts() == {"A": "HOLD"}


def test_another_sample_never_matches(project, suite):
    suite(SUITE)
    project.samples(3)
    project.gate(*pair(project), options=ACCEPT)
    project.samples(3, query="What else is it?")
    result = project.gate(*pair(project))
    assert result.ret == 1
    result.stdout.fnmatch_lines(["*it was accepted for another sample*"])


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("../../first", "use letters"),
        ("/tmp/first", "use letters"),
        ("n" * 121, "121 characters"),
        ("NUL", "Windows reserves it"),
        ("first.", "no '.' at either end"),
    ],
)
def test_a_name_that_is_none_is_refused(project, suite, name, says):
    suite(SUITE.replace('"first"', repr(name)))
    project.samples(3)
    result = project.gate(*pair(project), options=ACCEPT)
    assert result.ret == 1
    result.stdout.fnmatch_lines([f"*is no name for a golden*{says}*"])
    assert not (project.path / "goldens").exists()
    assert not list(project.path.parent.glob("first.*"))


def test_a_name_that_differs_in_upper_case_alone_is_refused(project, suite):
    suite(SUITE)
    project.samples(3)
    project.gate(*pair(project), options=ACCEPT)
    suite(SUITE.replace('"first"', '"First"'))
    result = project.gate(*pair(project))
    result.stdout.fnmatch_lines(["*'First' is no name for a golden*has 'first'*"])
    assert project.verdicts() == {"B": "HOLD"}


@pytest.mark.parametrize("suffix", ["json", "npz", "png"])
def test_a_damaged_golden_holds_and_says_what_to_do(project, suite, suffix):
    suite(SUITE)
    project.samples(3)
    project.gate(*pair(project), options=ACCEPT)
    path = project.path / f"goldens/{ID}.{suffix}"
    path.write_bytes(path.read_bytes()[:-9])
    result = project.gate(*pair(project))
    result.stdout.fnmatch_lines([f"*golden *{ID} cannot be read: first.{suffix}*restore it from*"])
    assert project.verdicts() == {"B": "HOLD"}


def test_a_pass_leaves_no_picture(project, suite):
    suite(SUITE)
    project.samples(3)
    project.gate(*pair(project), options=ACCEPT)
    project.gate(*pair(project))
    assert not list((project.path / "vlm-report").rglob("*.png"))
    assert goldens(project)[0]["measures"][0] == {
        "name": "Pearson",
        "value": 1.0,
        "limit": 0.994,
        "better": "higher",
    }


def test_with_ci_set_a_golden_waits_in_the_report_and_nothing_else_is_written(
    project, suite, monkeypatch
):
    monkeypatch.setenv("CI", "true")
    suite(SUITE)
    project.samples(3)
    given = pair(project)
    before = set(project.path.iterdir())
    assert project.gate(*given, options=("-p", "no:cacheprovider")).ret == 1
    written = {path.name for path in set(project.path.iterdir()) - before} - {"__pycache__"}
    assert written == {"vlm-report"}
    assert list((project.path / "vlm-report/pending").rglob("first.npz"))


def test_with_ci_set_nothing_is_accepted(project, suite, monkeypatch):
    monkeypatch.setenv("CI", "true")
    suite(SUITE)
    project.samples(3)
    result = project.gate(*pair(project), options=ACCEPT)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(
        ["*--vlm-accept-goldens is refused where CI is set*python -m pytest_vlm accept vlm-report*"]
    )
    assert not (project.path / "goldens").exists()


def test_calibrating_is_red_and_says_which_tolerance_to_write(project, suite):
    suite(SUITE.replace(".check(relevance(samples[0]))", ".calibrate(samples[0], runs=3)"))
    project.samples(3)
    result = project.gate(*pair(project))
    result.stdout.fnmatch_lines(['*Calibrated over 3 runs, not checked: use*tolerance="strict")*'])
    result.stdout.fnmatch_lines(["*worst of two runs*limit*worst against the golden*"])
    assert project.verdicts() == {"B": "HOLD"}
    assert not (project.path / "goldens").exists()
    (reasons,) = [verdict["reasons"] for verdict in project.report()["verdicts"]]
    assert sum("Calibrated" in reason for reason in reasons) == 1  # as a golden, not as a test too
