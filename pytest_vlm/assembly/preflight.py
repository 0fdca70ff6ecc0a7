"""What the files of a run's checkpoints tell before a model is loaded."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_vlm.checkpoint.catalog import CheckpointCatalog
from pytest_vlm.checkpoint.contestants import Contestants
from pytest_vlm.engine.registry import BUILT_IN
from pytest_vlm.report.model import EventRecord


def inspect_all(
    contestants: Contestants, catalog: CheckpointCatalog, allowed: frozenset[str], engine: str
) -> Iterator[EventRecord]:
    """What a reviewer should know of each candidate; all are inspected before the first remark.

    Args:
        contestants: whose files, and those of the models that explain them.
        catalog: looks into them.
        allowed: what of their input is meant to differ.
        engine: by name; nobody but the loader of somebody's own knows what its checkpoints are.

    Raises:
        CheckpointError: one is missing, incomplete or none.
    """
    for spec in contestants.everybody:
        for one in dict.fromkeys((spec, spec.explained_by)):
            catalog.summary(one)
    for spec in contestants.everybody[1:]:
        if engine not in BUILT_IN:
            event = f"the engine {engine!r} answers: whether both see the same question"
            yield EventRecord(checkpoint=spec.name, event=f"{event} is not known here")
        for event in catalog.remarks(contestants.baseline, spec, allowed):
            yield EventRecord(checkpoint=spec.name, event=event)
