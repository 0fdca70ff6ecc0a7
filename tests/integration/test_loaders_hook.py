"""Engines of one's own: given by a conftest, or installed by another package."""

from __future__ import annotations

import pytest

CONFTEST = """
import hashlib
from pathlib import Path

import pytest

from pytest_vlm.engine.fake import load_fake


class Loader:
    def __call__(self, spec):
        return load_fake(spec)

    def fingerprint(self, spec):
        return hashlib.sha256(Path(spec.source).read_bytes()).hexdigest()


@pytest.hookimpl(optionalhook=True)
def pytest_vlm_loaders(config):
    return {given}
"""


def conftest(given: str) -> str:
    return CONFTEST.replace("{given}", given)


@pytest.fixture
def run(project, suite):
    """Both sides answer alike, through the engine ``mine``."""
    suite()
    project.samples()
    sides = [project.checkpoint(name, accuracy=0.9) for name in "AB"]

    def go(*options: str) -> pytest.RunResult:
        return project.gate(*sides, options=("--vlm-engine=mine", *options))

    return go


def test_a_conftest_gives_an_engine(project, run):
    project.pytester.makeconftest(conftest('{"mine": Loader()}'))
    assert run().ret == 0
    assert project.verdicts() == {"B": "SHIP"}
    speeds = [one for one in project.report()["records"] if one["kind"] == "SpeedRecord"]
    assert {one["samples"] for one in speeds} == {100}
    assert run().ret == 0  # its answers are kept, because it says whose they are
    speeds = [one for one in project.report()["records"] if one["kind"] == "SpeedRecord"]
    assert {(one["samples"], one["reused"]) for one in speeds} == {(0, 100)}


def test_what_answers_is_said_because_nobody_compared_the_questions(project, run):
    project.pytester.makeconftest(conftest('{"mine": Loader()}'))
    run()
    events = [one["event"] for one in project.report()["records"] if one["kind"] == "EventRecord"]
    assert (
        "the engine 'mine' answers: whether both see the same question is not known here" in events
    )


def test_an_engine_that_cannot_be_imported_is_named(project, run):
    project.pytester.makeconftest(conftest('__import__("no_such_package")'))
    result = run()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines("*cannot import its engine: No module named 'no_such_package'*")


def test_a_conftest_that_gives_none_changes_nothing(project, run):
    project.pytester.makeconftest(conftest("None"))
    result = run()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines("*unknown engine 'mine'; known are fake,*")


def test_a_run_without_the_plugin_goes_on(project):
    project.pytester.makeconftest(conftest('{"mine": Loader()}'))
    project.pytester.makepyfile("def test_something(): pass")
    project.pytester.runpytest("-p", "no:vlm").assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("[Loader()]", "pytest_vlm_loaders gives engine names with callables"),
        ("{7: Loader()}", "pytest_vlm_loaders gives engine names with callables"),
        ('{"mine": 7}', "pytest_vlm_loaders gives engine names with callables"),
    ],
)
def test_what_is_no_loader_is_refused(project, run, given, message):
    project.pytester.makeconftest(conftest(given))
    result = run()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(f"*{message}*")


def test_what_is_no_engine_is_named(project, run):
    project.pytester.makeconftest(conftest('{"mine": lambda spec: None}'))
    result = run()
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(
        "*A: its loader gave a NoneType without device, *close; an engine *"
    )
    assert project.verdicts() == {"B": "HOLD"}


def test_two_that_give_one_name_are_refused(project, run):
    project.pytester.makeconftest(conftest('{"mine": Loader()}'))
    project.pytester.syspathinsert()
    project.pytester.makepyfile(other=conftest('{"mine": Loader()}'))
    result = run("-p", "other")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines("*two implementations of pytest_vlm_loaders give 'mine'*")
