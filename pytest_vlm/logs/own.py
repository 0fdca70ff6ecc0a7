"""Our own logs: one JSON object a sample.

``{"pytest_vlm": 1, "id", "question", "targets", "choices", "cluster", "completions", "scores"}``,
where a completion has ``raw``, ``finish_reason`` and ``tokens``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

from pytest_vlm.errors import LogError
from pytest_vlm.evaluation.predictions import FinishReason, Prediction
from pytest_vlm.evaluation.samples import Sample
from pytest_vlm.logs.entries import Entry, numbers
from pytest_vlm.logs.lines import field

VERSION = 1


def recognises(record: Mapping[str, Any]) -> bool:
    """Whether it is a line of ours."""
    return "pytest_vlm" in record


def entries(record: dict[str, Any], where: str, cluster: str) -> Iterator[Entry]:
    """One entry a completion.

    Raises:
        LogError: a line of another version, or one that was changed by hand.
    """
    if record.get("pytest_vlm") != VERSION:
        raise LogError(f"{where}: written by another version of pytest-vlm")
    try:
        for number, completion in enumerate(record["completions"]):
            if completion["finish_reason"] not in get_args(FinishReason):
                raise TypeError(f"'finish_reason': {completion['finish_reason']!r}")
            yield Entry(
                where=where,
                id=str(record["id"]),
                question=str(record["question"]),
                targets=tuple(map(str, record["targets"])),
                answers=(str(completion["raw"]),),
                choices=tuple(map(str, record["choices"])),
                recorded=numbers(record["scores"]),
                finish_reason=completion["finish_reason"],
                cluster=field(record, cluster, where) if cluster else str(record["cluster"]),
                repeat=number,
            )
        if not record["completions"]:
            raise TypeError("a completion")
    except (KeyError, TypeError, AttributeError) as error:
        raise LogError(f"{where}: {error} is missing or not what it should be") from error


def write_log(
    path: Path,
    samples: Sequence[Sample],
    predictions: Sequence[Prediction],
    scores: Mapping[str, Sequence[float | None]],
) -> None:
    """Write the answers of one checkpoint, all of them or nothing.

    Args:
        path: of the file.
        samples: what was asked.
        predictions: sample i's answers.
        scores: name to sample i's value.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(".part")
    with beside.open("w", encoding="utf-8", errors="replace") as file:
        for i, (sample, prediction) in enumerate(zip(samples, predictions, strict=True)):
            record = {
                "pytest_vlm": VERSION,
                "id": sample.id,
                "question": sample.query,
                "targets": sample.targets,
                "choices": sample.choices,
                "cluster": sample.cluster,
                "completions": [
                    {"raw": c.raw, "finish_reason": c.finish_reason, "tokens": c.tokens}
                    for c in prediction.completions
                ],
                "scores": {name: values[i] for name, values in scores.items()},
            }
            file.write(json.dumps(record, ensure_ascii=False) + "\n")
    beside.replace(path)
