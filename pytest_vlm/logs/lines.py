"""JSON and JSON Lines of any tool, with the line in every message."""

from __future__ import annotations

import gzip
import hashlib
import json
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from pytest_vlm.errors import LogError

LONGEST = 64 * 2**20
LARGEST = 4 * 2**30
LONGEST_NAME = 200
IMAGES = (
    "image_id",
    "imageId",
    "img_id",
    "image_path",
    "img_path",
    "image_name",
    "image_file",
    "file_name",
    "image",
    "images",
    "video_id",
    "video_path",
    "video",
)


def check_file(path: Path) -> None:
    """Refuse what is no file, or too large to be a log.

    Raises:
        LogError: with the reason.
    """
    try:
        if not path.is_file():
            raise LogError(f"{path} is no file")
        if path.stat().st_size > LARGEST:
            raise LogError(f"{path} has more than {LARGEST // 2**30} GiB")
    except OSError as error:
        raise LogError(f"cannot read {path}: {error.strerror}") from error


def records(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Where each object stands, and the object.

    Raises:
        LogError: a line that is no JSON object, or one of many megabytes.
    """
    number = total = 0
    try:
        with _opened(path) as file:
            while line := file.readline(LONGEST + 1):
                number += 1
                total += len(line)
                where = f"{path}, line {number}"
                if len(line) > LONGEST:
                    raise LogError(f"{where}: longer than {LONGEST // 2**20} MiB")
                if total > LARGEST:
                    raise LogError(f"{path} has more than {LARGEST // 2**30} GiB")
                if line.strip():
                    yield where, parse(line, where)
    except (OSError, EOFError, zlib.error) as error:
        raise LogError(f"cannot read {path} after line {number}: {error}") from error


def is_lines(path: Path) -> bool:
    """Whether it is an object a line, whatever its name says."""
    try:
        with _opened(path) as file:
            json.loads(file.readline(LONGEST))
            return bool(file.readline(LONGEST).strip())
    except (OSError, ValueError, RecursionError):
        return False


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
    named = _name(found)
    if not named:
        raise LogError(
            f"{where}: nothing that names a cluster stands at {path!r}; "
            f"its fields are {', '.join(map(str, list(record)[:12]))}"
        )
    return named


def image_of(record: object) -> str:
    """The name of the picture that an object is about, where a usual field has one."""
    if not isinstance(record, dict):
        return ""
    return next(filter(None, (_name(record.get(name)) for name in IMAGES)), "")


def digest(text: str) -> str:
    """Of a text, 32 hexadecimal digits."""
    return hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=16).hexdigest()


def _name(value: object) -> str:
    """A short name of a value; of a whole picture its digest, of what has no text nothing."""
    if isinstance(value, list) and value:
        names = [_name(inner) for inner in value]
        return "+".join(names) if all(names) else ""
    if value is None or isinstance(value, Mapping | list):
        return ""
    text = str(value)
    if text.startswith("<"):  # an object in memory, whose name is another one in every run
        return ""
    return text if len(text) <= LONGEST_NAME else digest(text)


def _opened(path: Path) -> BinaryIO | gzip.GzipFile:
    return gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb")
