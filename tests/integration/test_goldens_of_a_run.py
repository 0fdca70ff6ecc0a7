"""Goldens that two tests share, and goldens that no test asks for any more."""

from __future__ import annotations

import json

import pytest

SUITE = """
import pytest

@pytest.mark.parametrize("place", [0, 1])
def test_map(golden, relevance, samples, place):
    golden(f"case-{place}").check(relevance(samples[place]))

def test_other(golden, relevance, samples):
    golden("first").check(relevance(samples[2]))

def test_answers(compare, samples):
    from pytest_vlm.scores import exact_match
    compare(samples, score=exact_match).assert_not_worse(margin=0.1)
"""
SHARED = SUITE.replace('f"case-{place}"', '"case"')
ORPHANED = "no test of this run asked for"
ACCEPT = ("--vlm-accept-goldens",)


@pytest.fixture(autouse=True)
def _by_a_person(monkeypatch):
    monkeypatch.delenv("CI", raising=False)


@pytest.fixture
def accepted(project, suite):
    """A project whose goldens are accepted, one of them of a test that is gone by now."""
    suite(SUITE + SUITE.replace("test_map", "test_gone").split("def test_other")[0])
    project.samples(100)
    project.gate(*pair(project), options=ACCEPT)
    suite(SUITE)
    return project


def pair(project):
    return project.checkpoint("A", accuracy=0.9), project.checkpoint("B", accuracy=0.9)


def reasons(project) -> str:
    return "\n".join(project.report()["verdicts"][0]["reasons"])


def events(project) -> str:
    return "\n".join(r["event"] for r in project.report()["records"] if "event" in r)


def test_cases_that_share_a_golden_are_red_and_told_how_to_differ(project, suite):
    suite(SHARED)
    project.samples(3)
    result = project.gate(*pair(project), options=("-p", "no:randomly", *ACCEPT))
    result.stdout.fnmatch_lines(["*two tests have the golden*put them into the name*{case}*"])
    assert project.verdicts() == {"B": "HOLD"}
    assert len(list((project.path / "goldens/test_suite.test_map").glob("*.json"))) == 1


def test_modules_of_one_name_that_share_a_golden_are_red(project):
    for folder in ("one", "two"):
        (project.path / folder).mkdir()
        (project.path / folder / "test_suite.py").write_text(SUITE)
    project.samples(3)
    result = project.gate(
        *pair(project), options=("--import-mode=importlib", "-k", "test_other", *ACCEPT)
    )
    result.stdout.fnmatch_lines(["*two tests have the golden*Rename one of the tests*"])
    assert project.verdicts() == {"B": "HOLD"}


def test_two_maps_of_one_golden_are_red(project, suite):
    twice = '    golden("first").check(relevance(samples[2]))\n'
    suite(SUITE.replace(twice, twice + twice.replace("2", "1")))
    project.samples(3)
    result = project.gate(*pair(project), options=ACCEPT)
    result.stdout.fnmatch_lines(["*two different things as the golden 'first'*first-2*"])


def test_tests_of_two_processes_that_share_a_golden_hold_the_candidate(project, suite):
    suite(SHARED)
    project.samples(3)
    result = project.gate(*pair(project), options=("-n2", "--dist=each", "--dist=load"))
    assert result.ret == 1
    assert project.verdicts() == {"B": "HOLD"}
    told = [r for r in project.report()["records"] if r.get("golden", "").endswith("/case")]
    by_gate = "two tests have the golden test_suite.test_map/case" in reasons(project)
    assert by_gate, (told, reasons(project))


def test_a_whole_run_lists_the_goldens_that_no_test_asked_for(accepted):
    result = accepted.gate(*pair(accepted))
    assert accepted.verdicts() == {"B": "SHIP"}
    gone = "test_suite.test_gone/case-0, test_suite.test_gone/case-1"
    assert f"2 accepted goldens that {ORPHANED}: {gone}." in events(accepted)
    result.stdout.fnmatch_lines([f"*{ORPHANED}: {gone}. *rm goldens/test_suite.test_gone/*"])
    assert "test_map" not in events(accepted)


def test_workers_find_the_same_orphans(accepted):
    accepted.gate(*pair(accepted), options=("-n2",))
    assert f"2 accepted goldens that {ORPHANED}" in events(accepted)


def test_the_command_removes_them(accepted):
    accepted.gate(*pair(accepted))
    _, _, command = events(accepted).partition(": rm ")
    for path in command.split():
        (accepted.path / path).unlink()
    accepted.gate(*pair(accepted))
    assert ORPHANED not in events(accepted)


@pytest.mark.parametrize(
    "options",
    [
        ("-k", "not test_map"),
        ("--lf",),
        ("--vlm-limit=90",),
        ("test_suite.py",),
        ("test_suite.py::test_map",),
        ("inner",),
        ("--deselect=test_suite.py::test_other",),
        ("--ignore=inner",),
        ACCEPT,
    ],
    ids=" ".join,
)
def test_a_partial_run_lists_none(accepted, options):
    inner = accepted.path / "inner"
    inner.mkdir()
    (inner / "test_inner.py").write_text("def test_more(predict, samples): predict(samples)\n")
    accepted.gate(*pair(accepted), options=options)
    report = accepted.path / "vlm-report/run.json"
    assert not report.exists() or ORPHANED not in report.read_text()


@pytest.mark.parametrize(
    ("broken", "options"),
    [
        ("import nowhere_to_be_found", ()),
        ("import nowhere_to_be_found", ("--continue-on-collection-errors",)),
        ("import pytest; pytest.skip('not here', allow_module_level=True)", ()),
        ("def test_a(candidate): assert False", ("-x",)),
    ],
)
def test_a_run_that_could_not_see_everything_lists_none(accepted, broken, options):
    (accepted.path / "test_another.py").write_text(broken)
    accepted.gate(*pair(accepted), options=options)
    assert ORPHANED not in (accepted.path / "vlm-report/run.json").read_text()


def test_a_test_that_failed_early_keeps_its_goldens_out_of_the_list(accepted, suite):
    suite(SUITE.replace("golden(f", "1 / 0; golden(f"))
    accepted.gate(*pair(accepted))
    told = events(accepted)
    assert "test_gone" in told
    assert "test_map" not in told


def test_other_goldens_in_the_folder_are_left_out(accepted):
    path = next((accepted.path / "goldens/test_suite.test_gone").glob("case-0.json"))
    content = json.loads(path.read_text())
    path.write_text(json.dumps({**content, "test": "../elsewhere/test_suite.py::test_gone"}))
    accepted.gate(*pair(accepted))
    assert f"an accepted golden that {ORPHANED}: test_suite.test_gone/case-1." in events(accepted)
