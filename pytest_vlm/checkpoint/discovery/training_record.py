"""How far a training had come and how good it was, as small JSON files tell it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePath, PureWindowsPath
from typing import Any

from pytest_vlm.checkpoint.files.reading import read_whole
from pytest_vlm.errors import CheckpointError

STATE = "trainer_state.json"
LARGEST_RECORD, MOST_VALUES = 64 * 2**20, 1_000_000
BASE_KEYS = ("base", "base_model", "base_model_name_or_path")
NO_METRICS: Mapping[str, float] = {}


@dataclass(frozen=True, kw_only=True)
class TrainingRecord:
    """What is known of a training when a checkpoint was saved.

    Attributes:
        step: optimizer steps done.
        epoch: passes over the data.
        metrics: what was logged at that very step, such as ``eval_loss``.
        base: what the checkpoint was made from.
        best: name of the folder that the trainer then held for the best; empty where it says none.
    """

    step: int | None = None
    epoch: float | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    base: str = ""
    best: str = ""


def read_trainer_state(path: Path) -> TrainingRecord:
    """What a Hugging Face Trainer wrote beside a checkpoint.

    Raises:
        CheckpointError: the file is no such JSON.
    """
    state = read_record(path)
    step = _step(state.get("global_step"))
    metrics: dict[str, float] = {}
    for row in _log(state):
        if step is not None and row.get("step") == step:
            metrics |= _numbers(row)
    best = state.get("best_model_checkpoint")
    return TrainingRecord(
        step=step,
        epoch=_number(state.get("epoch")),
        metrics=metrics,
        best=_last_part(best) if isinstance(best, str) else "",
    )


def read_history(path: Path, metric: str) -> dict[int, float]:
    """Step to value of a metric, over the whole training until the file was written.

    Args:
        path: of a ``trainer_state.json``.
        metric: as it was logged.

    Raises:
        CheckpointError: the file is no such JSON.
    """
    points = ((_step(row.get("step")), _number(row.get(metric))) for row in _log(read_record(path)))
    return {step: value for step, value in points if step is not None and value is not None}


def read_description(described: Mapping[str, Any]) -> TrainingRecord:
    """What a delta says of itself: ``base``, ``step``, ``epoch`` and ``metrics``.

    Args:
        described: a sidecar's JSON, or the metadata of a safetensors file, whose values are text.
    """
    metrics = described.get("metrics")
    if isinstance(metrics, str):
        try:
            metrics = json.loads(metrics)
        except (ValueError, RecursionError):
            metrics = None
    bases = (described.get(key) for key in BASE_KEYS)
    return TrainingRecord(
        step=_step(described.get("step")),
        epoch=_number(described.get("epoch")),
        metrics=_numbers(metrics) if isinstance(metrics, dict) else NO_METRICS,
        base=next((base for base in bases if isinstance(base, str) and base), ""),
    )


def read_record(path: Path) -> dict[str, Any]:
    """A JSON object; unlike a setting, a metric may be NaN.

    Raises:
        CheckpointError: it is too large, or none.
    """
    content = read_whole(path, LARGEST_RECORD)
    values = content.count(b",") + content.count(b"[") + content.count(b"{")
    if values > MOST_VALUES:
        raise CheckpointError(f"{path} has some {values:,} values, more than {MOST_VALUES:,}")
    try:
        record = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{path} cannot be read as JSON: {error}") from error
    if not isinstance(record, dict):
        raise CheckpointError(f"{path} holds no JSON object")
    return record


def _log(state: Mapping[str, Any]) -> list[dict[str, Any]]:
    log = state.get("log_history")
    return [row for row in log if isinstance(row, dict)] if isinstance(log, list) else []


def _numbers(row: Mapping[str, Any]) -> dict[str, float]:
    found = {str(name): _number(value) for name, value in row.items()}
    return {
        name: value
        for name, value in found.items()
        if value is not None and name not in ("step", "epoch")
    }


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return float(value)
    except (ValueError, OverflowError):
        return None


def _step(value: object) -> int | None:
    number = _number(value)
    if number is None or not math.isfinite(number) or number < 0 or number != int(number):
        return None
    return int(number)


def _last_part(path: str) -> str:
    """The path may be of another machine, and of another system."""
    kind = PureWindowsPath if "\\" in path else PurePath
    return kind(path).name
