"""Accepted goldens that no test asks for any more, found at the end of a whole run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pytest_vlm.gate.goldens import orphan_event, orphans
from pytest_vlm.gate.plan import PlannedTest, TestOutcome
from pytest_vlm.golden.storage.store import GoldenStore
from pytest_vlm.paths import readable
from pytest_vlm.report.model import Record


def find_orphans(
    goldens: Path,
    *,
    planned: Sequence[PlannedTest],
    outcomes: Sequence[TestOutcome],
    records: Sequence[Record],
    root: Path,
    asked: Sequence[Path],
) -> str:
    """What to tell of them; empty where there are none, or where the run was only a part.

    Args:
        goldens: the folder of accepted goldens.
        planned: every collected test that uses a checkpoint.
        outcomes: one for each test that ended, and for each module that could not be collected.
        records: everything the tests recorded.
        root: what node ids are relative to.
        asked: the paths that pytest was given; single files are a part.
    """
    if not all(path.is_dir() for path in asked):
        return ""
    folders = [path.resolve() for path in asked]

    def reached(test: str) -> bool:
        module = (root / test.partition("::")[0]).resolve()
        return any(module.is_relative_to(folder) for folder in folders)

    store = GoldenStore(goldens)
    found = orphans(
        store.askers(), planned=planned, outcomes=outcomes, records=records, reached=reached
    )
    files = {id: [readable(path) for path in store.files(id)] for id in found}
    return orphan_event(files) if files else ""
