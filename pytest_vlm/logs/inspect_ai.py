"""Logs of inspect_ai: ``.json``, or the ``.eval`` archive."""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pytest_vlm.errors import LogError
from pytest_vlm.evaluation.predictions import FinishReason
from pytest_vlm.logs.archives import check_archive, unpack
from pytest_vlm.logs.entries import Entry, numbers
from pytest_vlm.logs.lines import field, image_of, parse, words

HEADER = "header.json"
GRADES = {"C": 1.0, "I": 0.0, "P": 0.5, "N": 0.0, "yes": 1.0, "no": 0.0, "true": 1.0, "false": 0.0}
TRUNCATED = ("max_tokens", "model_length")
BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    OSError,
    NotImplementedError,
    RuntimeError,
    ValueError,
)


def recognises(record: Mapping[str, Any]) -> bool:
    """Whether it is a whole log."""
    return {"eval", "samples"} <= record.keys() and isinstance(record["samples"], list)


def entries(record: dict[str, Any], where: str, cluster: str) -> Iterator[Entry]:
    """One entry a sample and epoch.

    Raises:
        LogError: a run that did not end well, or a sample that is none.
    """
    _check_status(record, where)
    for number, sample in enumerate(record["samples"], 1):
        yield _entry(sample, f"{where}, sample {number}", cluster)


def archived(path: Path, cluster: str) -> Iterator[Entry]:
    """The samples of an ``.eval`` archive.

    Raises:
        LogError: a broken archive, or one whose compression needs another library.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = check_archive(archive, path)
            if HEADER not in members:
                raise LogError(_unfinished(str(path), "never ended"))
            _check_status(parse(unpack(archive, members[HEADER], str(path)), str(path)), str(path))
            for name, member in members.items():
                if name.startswith("samples/") and name.endswith(".json"):
                    where = f"{path}, {name}"
                    yield _entry(parse(unpack(archive, member, where), where), where, cluster)
    except BROKEN as error:
        raise LogError(f"{path} is no whole archive ({error}); was the run interrupted?") from error


def _check_status(header: Mapping[str, Any], where: str) -> None:
    """Refuse a part of a run: the samples that are there may be the quick and easy ones."""
    status = header.get("status", "success")
    if status != "success":
        raise LogError(_unfinished(where, f"ended as {status!r}"))


def _unfinished(where: str, how: str) -> str:
    return f"{where}: the run {how}, so samples may be missing; finish it by: inspect eval-retry"


def _entry(sample: object, where: str, cluster: str) -> Entry:
    try:
        if not isinstance(sample, dict):
            raise TypeError(f"a sample is an object, found {type(sample).__name__}")
        target, output = sample["target"], sample["output"]
        said = output.get("choices") or []
        reason: FinishReason = "stop"
        if sample.get("error"):
            reason = "error"
        elif said and said[0].get("stop_reason") in TRUNCATED:
            reason = "length"
        return Entry(
            where=where,
            id=str(sample["id"]),
            question=words(sample["input"]),
            targets=tuple(map(str, target)) if isinstance(target, list) else (str(target),),
            answers=tuple(words(choice.get("message", "")) for choice in said[:1]),
            choices=tuple(map(str, sample.get("choices") or ())),
            recorded=_scores(sample.get("scores") or {}),
            finish_reason=reason,
            cluster=field(sample, cluster, where) if cluster else _image(sample),
            repeat=int(sample.get("epoch", 1)),
        )
    except (KeyError, TypeError, AttributeError, ValueError, OverflowError) as error:
        raise LogError(f"{where}: {error} is missing or not what it should be") from error


def _image(sample: Mapping[str, Any]) -> str:
    """The pictures of the question, which a log names by their content; else the metadata's."""
    messages = sample["input"] if isinstance(sample["input"], list) else []
    parts = [
        part
        for message in messages
        if isinstance(message.get("content"), list)
        for part in message["content"]
    ]
    pictures = [image_of({part["type"]: part.get(part["type"])}) for part in parts]
    return "+".join(filter(None, pictures)) or image_of(sample.get("metadata"))


def _scores(scores: Mapping[str, Any]) -> dict[str, float]:
    values = {name: score.get("value") for name, score in scores.items()}
    return numbers(
        {
            name: {part: _grade(v) for part, v in value.items()}
            if isinstance(value, dict)
            else _grade(value)
            for name, value in values.items()
        }
    )


def _grade(value: object) -> object:
    if not isinstance(value, str):
        return value
    return GRADES.get(value, GRADES.get(value.lower(), value))
