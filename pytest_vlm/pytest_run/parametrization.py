"""Which checkpoints a test is run for: decided from the private fixtures it reaches."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_vlm.errors import SettingsError
from pytest_vlm.pytest_run.markers import read_marks

if TYPE_CHECKING:
    from pytest_vlm.checkpoint.spec import CheckpointSpec
    from pytest_vlm.gate.plan import PlannedTest

CHECKPOINT, CANDIDATE = "_vlm_checkpoint", "_vlm_candidate"
NO_CHECKPOINT = "needs-checkpoint"
NO_CANDIDATE = "needs-candidate"
HOW_TO_GIVE_TWO = (
    "--checkpoint A=path/to/baseline --checkpoint B=path/to/candidate; "
    "a checkpoint is a folder with config.json and safetensors weights"
)


def parametrize(metafunc: pytest.Metafunc, checkpoints: tuple[CheckpointSpec, ...]) -> None:
    """Give a test its checkpoints, or one placeholder that errors with the command to type.

    Raises:
        pytest.UsageError: it uses a comparison and a single checkpoint's fixture at once.
    """
    names = metafunc.fixturenames
    wanted = [name for name in (CHECKPOINT, CANDIDATE) if name in names]
    if not wanted:
        return
    if len(wanted) == 2 and "golden" not in names:
        raise pytest.UsageError(
            f"{metafunc.definition.nodeid} uses compare, which is about two checkpoints, beside "
            "predict, relevance, memory_guard, app_client or checkpoint, which are about one; "
            "write two tests"
        )
    chosen = checkpoints[1:] if CANDIDATE in wanted else checkpoints
    if chosen:
        params = [(spec,) * len(wanted) for spec in chosen]
        metafunc.parametrize(
            wanted, params, indirect=True, ids=[spec.name for spec in chosen], scope="session"
        )
        return
    if checkpoints:
        what, why = NO_CANDIDATE, "this test compares a candidate with the baseline; add one: "
    else:
        what, why = NO_CHECKPOINT, "this test needs checkpoints; run: pytest suites "
    message = why + HOW_TO_GIVE_TWO
    metafunc.parametrize(
        wanted, [(message,) * len(wanted)], indirect=True, ids=[what], scope="session"
    )


def checkpoint_of(item: pytest.Item) -> CheckpointSpec | None:
    """The checkpoint that a test is about; None for a placeholder or an unrelated test."""
    params = item.callspec.params if hasattr(item, "callspec") else {}
    spec = params.get(CANDIDATE) or params.get(CHECKPOINT)
    return None if isinstance(spec, str) else spec


def plan_test(item: pytest.Item) -> PlannedTest | None:
    """What the gate expects of a collected test; None for one that is about no checkpoint.

    Raises:
        pytest.UsageError: its markers make no sense.
    """
    try:
        marks = read_marks(item)
    except SettingsError as error:
        raise pytest.UsageError(str(error)) from error
    spec = checkpoint_of(item)
    if spec is None:
        return None
    from pytest_vlm.gate.plan import PlannedTest

    names = getattr(item, "fixturenames", ())
    default = 1 if "compare" in names else 0
    claims = marks.claims if marks.claims is not None else default
    return PlannedTest(
        test=item.nodeid, checkpoint=spec.name, claims=claims, golden="golden" in names
    )
