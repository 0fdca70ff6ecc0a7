"""A test whose leak is limited: judged when its fixtures are gone, told in its teardown report."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from _pytest.runner import runtestprotocol

if TYPE_CHECKING:
    from pytest_vlm.checkpoint.spec import CheckpointSpec
    from pytest_vlm.memory.guard import LeakCheck
    from pytest_vlm.run import Run


def run_and_judge(
    item: pytest.Item, nextitem: pytest.Item | None, run: Run, spec: CheckpointSpec, limit: int
) -> None:
    """Run the test and judge what it kept.

    A model is alive in fixture teardown still, and a failed test keeps its locals for a traceback:
    so only a test that passed is judged, and only after its protocol. What could not be watched
    breaks the limit.
    """
    check, trouble = _begin(run, spec, limit)
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    reports = runtestprotocol(item, nextitem=nextitem, log=False)
    if all(report.passed for report in reports):
        use = check.judge()
        run.session.record_memory(spec, use, item.nodeid)
        teardown = reports[-1]
        teardown.user_properties.extend(run.take_pending())
        if not use.within:
            teardown.outcome = "failed"
            teardown.longrepr = f"{item.nodeid}: {use}{trouble}"
    for report in reports:
        item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)


def _begin(run: Run, spec: CheckpointSpec, limit: int) -> tuple[LeakCheck, str]:
    from pytest_vlm.memory.guard import LeakCheck

    try:
        return run.session.leak_check(spec, limit=limit), ""
    except Exception as error:  # whatever a model raises; the rest of the run must go on
        return LeakCheck(None, limit, release=lambda: None), f" ({error})"
