"""One checkpoint as its files describe it, without loading it."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

from pytest_vlm.checkpoint.discovery.headers import Weights, read_weights, weight_files
from pytest_vlm.checkpoint.discovery.training_record import (
    STATE,
    TrainingRecord,
    read_description,
    read_record,
    read_trainer_state,
)
from pytest_vlm.checkpoint.files.reading import read_json
from pytest_vlm.checkpoint.patches.patch import ADAPTER
from pytest_vlm.errors import CheckpointError

Kind = Literal["model", "trainer", "adapter", "delta", "unreadable"]

RECORDS = ("training.json", "eval_results.json")
OF_A_TRAINER = re.compile(r"checkpoint-(\d+)")


@dataclass(frozen=True, kw_only=True)
class Found:
    """What is known of a checkpoint.

    Attributes:
        name: unlike any other's of the same search, and legal in ``--checkpoint NAME=...``.
        path: of its folder, or of a delta's file.
        kind: a ``model`` in a folder; one that a ``trainer`` saved; an ``adapter`` of PEFT; a
            ``delta`` in one file; a folder that is ``unreadable``.
        step: optimizer steps done; None where nothing says it.
        epoch: passes over the data.
        metrics: logged at that very step.
        bytes: of the weights' files.
        dtypes: as safetensors spells them, the most frequent first.
        parameters: number of stored values.
        base: what it was made from; empty where nothing says it.
        date: when its weights were last written; None where there are none.
        best_so_far: name of the folder that its trainer then held for the best of the run.
        problem: why it cannot be used; empty where it can.
    """

    name: str
    path: Path
    kind: Kind
    step: int | None = None
    epoch: float | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    bytes: int = 0
    dtypes: tuple[str, ...] = ()
    parameters: int = 0
    base: str = ""
    date: datetime | None = None
    best_so_far: str = ""
    problem: str = ""

    @property
    def is_patch(self) -> bool:
        """Whether it is to be put over a base."""
        return self.kind in ("adapter", "delta")

    @property
    def source(self) -> str:
        """What to write in ``--checkpoint NAME=...``; a patch names its base."""
        if not self.is_patch or not self.base:
            return os.fspath(self.path)
        folder = self.path if self.kind == "adapter" else self.path.parent
        beside = folder / Path(self.base).expanduser()
        base = os.path.normpath(beside) if beside.exists() else self.base
        return f"{self.path}?base={quote(base, safe='/:@')}"


def read_folder(folder: Path, files: Collection[str], names: Collection[str]) -> Found:
    """A checkpoint folder; what is wrong with it is its problem.

    Args:
        folder: the folder.
        files: names of the files in it.
        names: of the folders too.
    """
    problems: list[str] = []
    weights, record, config, date = Weights(), TrainingRecord(), dict[str, Any](), None
    settings = ADAPTER if ADAPTER in files else "config.json"
    try:
        paths = weight_files(folder, names)
        date = _date(paths)
        weights = read_weights(paths)
    except CheckpointError as error:
        problems.append(str(error))
    try:
        if settings not in files:
            raise CheckpointError("it has no config.json")
        config = read_json(folder / settings)
    except CheckpointError as error:
        problems.append(str(error))
    try:
        record = _record(folder, files)
    except CheckpointError as error:
        problems.append(str(error))
    base = config.get("base_model_name_or_path") or config.get("_name_or_path") or record.base
    step = OF_A_TRAINER.fullmatch(folder.name) if record.step is None else None
    return _found(
        folder,
        "adapter" if settings == ADAPTER else "trainer" if STATE in files else "model",
        weights=weights,
        record=replace(
            record,
            base=base if isinstance(base, str) else "",
            step=int(step[1]) if step else record.step,
        ),
        date=date,
        problem="; ".join(problems).replace(f"{folder}{os.sep}", ""),
    )


def read_delta(path: Path) -> Found:
    """A file of weights without a configuration; its base is in its metadata or in a sidecar."""
    described: dict[str, Any] = {}
    weights, problem, date = Weights(), "", None
    try:
        date = _date([path])
        weights = read_weights([path])
        described = describe_delta(path, weights.metadata)
    except CheckpointError as error:
        problem = str(error).replace(f"{path.parent}{os.sep}", "")
    record = read_description(described)
    return _found(path, "delta", weights=weights, record=record, date=date, problem=problem)


def describe_delta(path: Path, metadata: Mapping[str, str]) -> dict[str, Any]:
    """What a delta says of itself; a JSON file beside it wins over its own metadata.

    Raises:
        CheckpointError: that file is no such JSON.
    """
    described: dict[str, Any] = dict(metadata)
    for sidecar in (path.with_suffix(".json"), path.with_name(f"{path.name}.json")):
        if sidecar.exists():
            described |= read_record(sidecar)
    return described


def _record(folder: Path, files: Collection[str]) -> TrainingRecord:
    if STATE in files:
        return read_trainer_state(folder / STATE)
    known = next((name for name in RECORDS if name in files), None)
    if known is None:
        return TrainingRecord()
    described = read_record(folder / known)
    return read_description({"metrics": described} | described)


def _found(
    path: Path,
    kind: Kind,
    *,
    weights: Weights,
    record: TrainingRecord,
    date: datetime | None,
    problem: str,
) -> Found:
    return Found(
        name=path.name,
        path=path,
        kind=kind,
        step=record.step,
        epoch=record.epoch,
        metrics=record.metrics,
        bytes=weights.bytes,
        dtypes=weights.dtypes,
        parameters=weights.parameters,
        base=record.base,
        date=date,
        best_so_far=record.best,
        problem=problem,
    )


def _date(paths: Collection[Path]) -> datetime | None:
    try:
        return datetime.fromtimestamp(max(path.stat().st_mtime for path in paths), UTC)
    except (OSError, OverflowError, ValueError):
        return None
