"""A test whose leak is limited: judged when its fixtures are gone, told in its teardown report."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import pytest
from _pytest.runner import runtestprotocol

if TYPE_CHECKING:
    from pytest_vlm.checkpoint.spec import CheckpointSpec
    from pytest_vlm.memory.guard import LeakCheck
    from pytest_vlm.memory.use import MemoryUse
    from pytest_vlm.pytest_run.run import Run

SECTION = "vlm memory kept"
LAST = ("last_type", "last_value", "last_traceback", "last_exc")


def run_and_judge(
    item: pytest.Item, nextitem: pytest.Item | None, run: Run, spec: CheckpointSpec, limit: int
) -> None:
    """Run the test and judge what it kept, after its protocol: in fixture teardown a model lives.

    A test that passed fails by its leak, in its teardown report. One that failed keeps its own
    failure, and the leak is a section of it; one that was skipped is not judged. What could not be
    watched breaks the limit.
    """
    check, trouble = _begin(run, spec, limit)
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    reports = runtestprotocol(item, nextitem=nextitem, log=False)
    if not any(report.skipped for report in reports):
        use = _judge(item.config, check, reports)
        run.session.record_memory(spec, use, item.nodeid)
        reports[-1].user_properties.extend(run.take_pending())
        if not use.within:
            _tell(item.config, reports, f"{item.nodeid}: {use}{trouble}")
    for report in reports:
        item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)


def _begin(run: Run, spec: CheckpointSpec, limit: int) -> tuple[LeakCheck, str]:
    from pytest_vlm.memory.guard import LeakCheck

    try:
        return run.session.leak_check(spec, limit=limit), ""
    except Exception as error:  # whatever a model raises; the rest of the run must go on
        return LeakCheck(None, limit, release=lambda: None), f" ({error})"


def _judge(
    config: pytest.Config, check: LeakCheck, reports: Sequence[pytest.TestReport]
) -> MemoryUse:
    if any(report.failed for report in reports):
        if _debugging(config):
            return check.unjudged("--pdb keeps the failed test, and with it what it holds")
        for name in LAST:  # pytest keeps the failure there for a debugger
            if hasattr(sys, name):
                delattr(sys, name)
    return check.judge()


def _tell(config: pytest.Config, reports: Sequence[pytest.TestReport], words: str) -> None:
    failed = [report for report in reports if report.failed]
    if not failed:
        reports[-1].outcome = "failed"
        reports[-1].longrepr = words
        return
    failed[0].sections.append((SECTION, words))
    terminal = config.pluginmanager.get_plugin("terminalreporter")
    if _debugging(config) and terminal is not None:  # the debugger has shown the failure before
        terminal.write_line(f"\n{words}")


def _debugging(config: pytest.Config) -> bool:
    return bool(config.getoption("usepdb", False))
