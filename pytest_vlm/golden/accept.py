"""Accepting pending goldens: from the run's artifacts, without loading a model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from pytest_vlm.errors import GoldenError
from pytest_vlm.golden.store import GoldenStore


def pending_goldens(report: Path) -> list[str]:
    """What a run left to be reviewed.

    Raises:
        GoldenError: the folder is no run's report.
    """
    if not report.is_dir():
        raise GoldenError(f"{report} is no report folder; give what --vlm-report named")
    return GoldenStore(report / "pending").ids()


def accept_goldens(report: Path, goldens: Path, ids: Sequence[str], reason: str) -> None:
    """Move pending goldens to the accepted ones, with date and reason.

    Raises:
        GoldenError: an id that is not pending; nothing is accepted then.
    """
    pending, accepted = GoldenStore(report / "pending"), GoldenStore(goldens)
    loaded = [(id, pending.load(id)) for id in ids]
    for id, golden in loaded:
        if golden is None:
            known = ", ".join(pending.ids()) or "none"
            raise GoldenError(f"{id} is not pending in {report}; pending are: {known}")
    now = datetime.now(UTC).isoformat(timespec="seconds")
    for _, golden in loaded:
        assert golden is not None
        provenance = replace(golden.provenance, accepted=now, reason=reason)
        accepted.save(replace(golden, provenance=provenance))
        pending.delete(golden.id)
