"""Every pytest hook of pytest-vlm, and no logic.

Imports nothing heavy: a project that has the plugin installed and does not use it pays next to
nothing. numpy, torch and the rest come with the session, when the first test asks for it.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from typing import Any

import pytest

from pytest_vlm import hooks
from pytest_vlm.errors import MemoryLimitExceeded, VlmError
from pytest_vlm.fixtures import (  # noqa: F401  (fixtures are found by being here)
    _vlm_candidate,
    _vlm_checkpoint,
    _vlm_session,
    app_client,
    baseline,
    candidate,
    checkpoint,
    compare,
    golden,
    memory_guard,
    predict,
    relevance,
    samples,
)
from pytest_vlm.options.reading import add_options
from pytest_vlm.pytest_run.gate_item import gate_reports
from pytest_vlm.pytest_run.leak_protocol import run_and_judge
from pytest_vlm.pytest_run.markers import MARKERS, peak_limit, read_marks
from pytest_vlm.pytest_run.parametrization import checkpoint_of, parametrize, plan_test
from pytest_vlm.pytest_run.run import run_of

SELF_EXPLAINING = (VlmError, MemoryLimitExceeded)


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    pluginmanager.add_hookspecs(hooks)


def pytest_addoption(parser: pytest.Parser) -> None:
    add_options(parser)


def pytest_configure(config: pytest.Config) -> None:
    for marker in MARKERS:
        config.addinivalue_line("markers", marker)
    config.pluginmanager.register(ReportListener(config), "vlm-reports")


def pytest_sessionstart(session: pytest.Session) -> None:
    run_of(session.config).preflight()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    parametrize(metafunc, run_of(metafunc.config).checkpoints)


def pytest_deselected(items: Sequence[pytest.Item]) -> None:
    if items:
        run_of(items[0].config).deselect(sum(checkpoint_of(item) is not None for item in items))


def pytest_collection_finish(session: pytest.Session) -> None:
    planned = [plan_test(item) for item in session.items]
    run_of(session.config).plan([test for test in planned if test is not None])


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    spec = checkpoint_of(item)
    if spec is None:
        return
    run = run_of(item.config)
    for requirement in read_marks(item).requires:
        reason = run.session.lacks(requirement)
        if reason:
            run.add_absence(test=item.nodeid, checkpoint=spec.name, reason=reason)
            pytest.skip(reason)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
    marks, spec = read_marks(item), checkpoint_of(item)
    if marks.leak is None or spec is None:
        return None
    run_and_judge(item, nextitem, run_of(item.config), spec, marks.leak)
    return True


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    marks, spec = read_marks(item), checkpoint_of(item)
    if not marks.memory or spec is None:
        return (yield)
    run = run_of(item.config)
    limit = peak_limit(marks.peak, spec, run.settings)
    with run.session.memory_guard(spec, limit=limit, test=item.nodeid):
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    run = run_of(item.config)
    item.user_properties.extend(run.take_pending())
    account = run.take_account()
    report = yield
    if account and report.failed:
        report.sections.append(("vlm memory", account))
    if call.excinfo is not None and isinstance(call.excinfo.value, SELF_EXPLAINING):
        report.longrepr = f"{item.nodeid}: {call.excinfo.value}"
    return report


class ReportListener:
    """Takes in every report; an object of its own because that hook is not told the config."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        run_of(self._config).note(report)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        run_of(self._config).note_collected(report)


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    run = run_of(session.config)
    for report in gate_reports(run.finish(session), run.settings.inconclusive):
        session.testscollected += report.when == "setup"
        session.config.hook.pytest_runtest_logreport(report=report)
        if report.failed and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    run = run_of(config)
    if run.report is not None:
        from pytest_vlm.report.terminal import summary_lines

        terminalreporter.section("vlm gate")
        for line, markup in summary_lines(run.report, run.folder):
            terminalreporter.write_line(line, **markup)


@pytest.hookimpl(optionalhook=True)
def pytest_html_results_summary(prefix: list[str], session: pytest.Session) -> None:
    run = run_of(session.config)
    if run.report is not None:
        from pytest_vlm.report.html import render_section

        prefix.append(render_section(run.report, run.folder))


def pytest_unconfigure(config: pytest.Config) -> None:
    run_of(config).close()
