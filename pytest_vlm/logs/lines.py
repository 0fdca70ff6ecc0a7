"""JSON and JSON Lines of any tool, with the line in every message."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from pytest_vlm.errors import LogError

LONGEST = 64 * 2**20
LARGEST = 4 * 2**30


def records(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Where each object stands, and the object.

    Raises:
        LogError: a line that is no JSON object, or one of many megabytes.
    """
    with _opened(path) as file:
        number = 0
        while line := file.readline(LONGEST + 1):
            number += 1
            where = f"{path}, line {number}"
            if len(line) > LONGEST:
                raise LogError(f"{where}: longer than {LONGEST // 2**20} MiB")
            if line.strip():
                yield where, parse(line, where)


def parse(text: bytes, where: str) -> dict[str, Any]:
    """One JSON object.

    Raises:
        LogError: it is none.
    """
    try:
        content = json.loads(text.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise LogError(f"{where}: not valid JSON ({error}); was the run interrupted?") from error
    if not isinstance(content, dict):
        raise LogError(f"{where}: expected a JSON object, found {type(content).__name__}")
    return content


def words(content: object) -> str:
    """Text, or the text parts of a chat."""
    match content:
        case str(text):
            return text
        case {"type": "text", "text": str(text)}:
            return text
        case {"content": inner}:
            return words(inner)
        case list(parts):
            return " ".join(filter(None, map(words, parts)))
    return ""


def field(record: dict[str, Any], path: str, where: str) -> str:
    """What stands at a dotted path, as a name.

    Raises:
        LogError: nothing does.
    """
    found: Any = record
    for name in path.split("."):
        found = found.get(name) if isinstance(found, dict) else None
    if found is None or isinstance(found, dict | list):
        raise LogError(f"{where}: nothing that names a cluster stands at {path!r}")
    return str(found)


def _opened(path: Path) -> BinaryIO | gzip.GzipFile:
    try:
        if not path.is_file():
            raise LogError(f"{path} is no file")
        if path.stat().st_size > LARGEST:
            raise LogError(f"{path} has more than {LARGEST // 2**30} GiB")
        return gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb")
    except OSError as error:
        raise LogError(f"cannot read {path}: {error.strerror}") from error
