"""Logs of inspect_ai: ``.json``, or the ``.eval`` archive."""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pytest_vlm.errors import LogError
from pytest_vlm.evaluation.predictions import FinishReason
from pytest_vlm.logs.entries import Entry, numbers
from pytest_vlm.logs.lines import field, parse, words

ZSTANDARD = 93
LOCAL_HEADER = struct.Struct("<26xHH")
LARGEST_SAMPLE = 256 * 2**20
GRADES = {"C": 1.0, "I": 0.0, "P": 0.5, "N": 0.0}
TRUNCATED = ("max_tokens", "model_length")


def recognises(record: Mapping[str, Any]) -> bool:
    """Whether it is a whole log."""
    return {"eval", "samples"} <= record.keys() and isinstance(record["samples"], list)


def entries(record: dict[str, Any], where: str, cluster: str) -> Iterator[Entry]:
    """One entry a sample and epoch."""
    for number, sample in enumerate(record["samples"], 1):
        yield _entry(sample, f"{where}, sample {number}", cluster)


def archived(path: Path, cluster: str) -> Iterator[Entry]:
    """The samples of an ``.eval`` archive.

    Raises:
        LogError: a broken archive, or one whose compression needs another library.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            for member in archive.infolist():
                if member.filename.startswith("samples/") and member.filename.endswith(".json"):
                    where = f"{path}, {member.filename}"
                    yield _entry(parse(_content(archive, member, where), where), where, cluster)
    except (zipfile.BadZipFile, EOFError, OSError) as error:
        raise LogError(f"{path} is no whole archive ({error}); was the run interrupted?") from error


def _entry(sample: object, where: str, cluster: str) -> Entry:
    try:
        if not isinstance(sample, dict):
            raise TypeError(f"a sample is an object, found {type(sample).__name__}")
        target, output = sample["target"], sample["output"]
        choice = (output.get("choices") or [{}])[0]
        reason: FinishReason = "length" if choice.get("stop_reason") in TRUNCATED else "stop"
        text = words(choice.get("message", ""))
        return Entry(
            id=str(sample["id"]),
            question=words(sample["input"]),
            targets=tuple(map(str, target)) if isinstance(target, list) else (str(target),),
            answers=(text,),
            choices=tuple(map(str, sample.get("choices") or ())),
            recorded=_scores(sample.get("scores") or {}),
            finish_reason="error" if sample.get("error") else reason,
            cluster=field(sample, cluster, where) if cluster else "",
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise LogError(f"{where}: {error} is missing or not what it should be") from error


def _scores(scores: Mapping[str, Any]) -> dict[str, float]:
    values: dict[str, object] = {}
    for name, score in scores.items():
        value = score.get("value")
        if isinstance(value, dict):
            values |= {f"{name}.{part}": GRADES.get(str(v), v) for part, v in value.items()}
        else:
            values[name] = GRADES.get(str(value), value)
    return numbers(values)


def _content(archive: zipfile.ZipFile, member: zipfile.ZipInfo, where: str) -> bytes:
    if member.file_size > LARGEST_SAMPLE:
        raise LogError(f"{where}: larger than {LARGEST_SAMPLE // 2**20} MiB")
    if member.compress_type != ZSTANDARD:
        return archive.read(member)
    try:
        import zstandard
    except ImportError:
        raise LogError(
            f"{where} is compressed by Zstandard: pip install 'pytest-vlm[logs]', or write it as "
            "JSON: inspect log convert --to json --output-dir json FILE"
        ) from None
    stream = archive.fp
    assert stream is not None
    stream.seek(member.header_offset)
    name, extra = LOCAL_HEADER.unpack(stream.read(LOCAL_HEADER.size))
    stream.seek(name + extra, 1)
    packed = stream.read(member.compress_size)
    try:
        limited = zstandard.ZstdDecompressor().stream_reader(packed)
        return limited.read(LARGEST_SAMPLE)
    except zstandard.ZstdError as error:
        raise LogError(f"{where} cannot be unpacked ({error})") from error
