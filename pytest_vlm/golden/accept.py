"""Accepting pending goldens: from the run's artifacts, without loading a model."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from pytest_vlm.errors import GoldenError
from pytest_vlm.golden import GOLDENS
from pytest_vlm.golden.store import GoldenStore
from pytest_vlm.paths import readable

PENDING = "pending"


def pending_store(report: Path, candidate: str) -> GoldenStore:
    """Where a run leaves a candidate's maps that wait for a person."""
    return GoldenStore(report / PENDING / candidate)


def accept_command(report: Path, candidate: str, id: str, goldens: Path) -> str:
    """The command that accepts one pending golden into the folder of goldens."""
    words = ["python", "-m", "pytest_vlm", "accept", readable(report), id, "--candidate", candidate]
    if readable(goldens) != GOLDENS:
        words += ["--goldens", readable(goldens)]
    return shlex.join(words)


def pending_goldens(report: Path) -> dict[str, list[str]]:
    """What a run left to be reviewed: candidate to golden ids.

    Raises:
        GoldenError: the folder is no run's report.
    """
    if not report.is_dir():
        raise GoldenError(f"{report} is no report folder; give what --vlm-report named")
    candidates = sorted(path.name for path in (report / PENDING).glob("*") if path.is_dir())
    found = {candidate: pending_store(report, candidate).ids() for candidate in candidates}
    return {candidate: ids for candidate, ids in found.items() if ids}


def accept_goldens(
    report: Path, goldens: Path, *, candidate: str, ids: Sequence[str], reason: str
) -> None:
    """Move a candidate's pending goldens to the accepted ones, with date and reason.

    Raises:
        GoldenError: an id that is not pending; nothing is accepted then.
    """
    pending, accepted = pending_store(report, candidate), GoldenStore(goldens)
    loaded = {id: pending.load(id) for id in ids}
    unknown = [id for id, golden in loaded.items() if golden is None]
    if unknown:
        known = ", ".join(pending.ids()) or "none"
        raise GoldenError(f"{unknown[0]} is not pending for {candidate}; pending are: {known}")
    now = datetime.now(UTC).isoformat(timespec="seconds")
    for id, golden in loaded.items():
        if golden is not None:
            provenance = replace(golden.provenance, accepted=now, reason=reason)
            accepted.save(replace(golden, provenance=provenance))
            pending.delete(id)
