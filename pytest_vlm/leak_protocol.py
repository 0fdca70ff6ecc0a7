"""A test whose leak is limited: judged when its fixtures are gone, told in its teardown report."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from _pytest.runner import runtestprotocol

from pytest_vlm.errors import VlmError

if TYPE_CHECKING:
    from pytest_vlm.checkpoint.spec import CheckpointSpec
    from pytest_vlm.run import Run


def run_and_judge(
    item: pytest.Item, nextitem: pytest.Item | None, run: Run, spec: CheckpointSpec, limit: int
) -> bool:
    """Run the test; False where nothing could be watched, and the test is to run as any other.

    A model is alive in fixture teardown still, and a failed test keeps its locals for a traceback:
    so only a test that passed is judged, and only after its protocol.
    """
    try:
        check = run.session.leak_check(spec, limit=limit)
    except VlmError:
        return False
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    reports = runtestprotocol(item, nextitem=nextitem, log=False)
    if all(report.passed for report in reports):
        use = check.judge()
        run.session.record_memory(spec, use, item.nodeid)
        teardown = reports[-1]
        teardown.user_properties.extend(run.take_pending())
        if not use.within:
            teardown.outcome = "failed"
            teardown.longrepr = f"{item.nodeid}: {use}"
    for report in reports:
        item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True
