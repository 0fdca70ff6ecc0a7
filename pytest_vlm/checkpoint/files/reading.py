"""A checkpoint's files, opened as what they ought to be: regular, in their folder, not too large.

A pipe blocks for ever, a device never ends, a link leads to another's files, and a gigabyte of
brackets becomes many gigabytes of lists. Each is refused before it is read.
"""

from __future__ import annotations

import errno
import json
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from pytest_vlm.errors import CheckpointError

KINDS = {
    stat.S_IFIFO: "a pipe",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFDIR: "a folder",
    stat.S_IFSOCK: "a socket",
}
SETTINGS_BYTES = 2 * 2**20
# A value of JSON takes two bytes of text and up to 72 of memory.
MOST_VALUES = 500_000
# One character beyond the basic plane makes Python keep four bytes for every character.
MOST_WIDE_TEXT = 4 * 2**20


@contextmanager
def open_regular(path: Path) -> Iterator[BinaryIO]:
    """A file for reading; never waits for a pipe and never opens a device.

    Raises:
        CheckpointError: it is no regular file, or cannot be read.
    """
    try:
        _check_regular(path, path.stat())
        file = os.open(
            path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
        )
    except OSError as error:
        raise CheckpointError(_why_not(path, error)) from error
    with os.fdopen(file, "rb") as stream:
        _check_regular(path, os.fstat(stream.fileno()))
        try:
            yield stream
        except OSError as error:
            raise CheckpointError(_why_not(path, error)) from error


def read_whole(path: Path, largest: int) -> bytes:
    """The content of a small file.

    Raises:
        CheckpointError: it has more than `largest` bytes, is no regular file or cannot be read.
    """
    with open_regular(path) as stream:
        check_size(path, os.fstat(stream.fileno()).st_size, largest)
        return stream.read(largest)


def check_size(path: Path, size: int, largest: int) -> None:
    """Refuse a file before it is read.

    Raises:
        CheckpointError: it has more than `largest` bytes.
    """
    if size > largest:
        raise CheckpointError(
            f"{path} has {size:,} bytes; such a file has at most {largest:,}. It is damaged, or "
            "another file under this name: take it from the original again"
        )


def read_json(
    path: Path, *, largest: int = SETTINGS_BYTES, most_values: int = MOST_VALUES
) -> dict[str, Any]:
    """A JSON object from a file.

    Raises:
        CheckpointError: too large, no JSON, a key that is there twice, NaN, or no object.
    """
    return parse_json(read_whole(path, largest), path, most_values)


def parse_json(content: bytes, path: Path, most_values: int = MOST_VALUES) -> dict[str, Any]:
    """A JSON object from text that `path` holds; raises as `read_json`."""
    values = content.count(b",") + content.count(b"[") + content.count(b"{")
    if values > most_values:
        raise CheckpointError(
            f"{path} has some {values:,} values; such a file has at most {most_values:,}. "
            "Take it from the original again"
        )
    if len(content) > MOST_WIDE_TEXT and not content.isascii() and max(content) >= 0xF0:
        raise CheckpointError(
            f"{path} has {len(content):,} bytes with characters that take four each; write it "
            "with escapes: json.dumps(content, ensure_ascii=True)"
        )
    try:
        parsed = json.loads(
            content.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_constant
        )
    except RecursionError:
        raise CheckpointError(f"{path} cannot be read as JSON: it is nested too deep") from None
    except (ValueError, MemoryError) as error:
        raise CheckpointError(
            f"{path} cannot be read as JSON: {error}; take it from the original again"
        ) from None
    if not isinstance(parsed, dict):
        raise CheckpointError(f"{path} holds no JSON object but a {type(parsed).__name__}")
    return parsed


def confine(path: Path, folder: Path) -> None:
    """Refuse a link that leads out of its folder, except to the blobs of the hub's cache.

    Raises:
        CheckpointError: it leads elsewhere, in a circle, or to nothing.
    """
    root = folder.resolve()
    try:
        target = path.resolve(strict=True)
    except (OSError, RuntimeError) as error:
        circle = isinstance(error, RuntimeError) or error.errno == errno.ELOOP
        what = "in a circle" if circle else "to a file that does not exist"
        raise CheckpointError(
            f"{path} is a link {what}: an incomplete copy; copy it again"
        ) from None
    snapshots = (place.parent for place in (root, *root.parents))
    blobs = [place.parent / "blobs" for place in snapshots if place.name == "snapshots"]
    if not any(target.is_relative_to(place) for place in (root, *blobs)):
        raise CheckpointError(
            f"{path} is a link out of its folder, to {target}; put the file itself into the "
            "folder: cp -L"
        )


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) != len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise ValueError(f"the key {twice[:100]!r} is there twice")
    return content


def _constant(name: str) -> float:
    # Some stock configurations have an honest Infinity, as an open end of a range.
    if name == "NaN":
        raise ValueError("NaN is no number")
    return float(name)


def _check_regular(path: Path, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        kind = KINDS.get(stat.S_IFMT(status.st_mode), "no regular file")
        raise CheckpointError(f"{path} is {kind}, not a file; put the file itself there")


def _why_not(path: Path, error: OSError) -> str:
    hint = "; allow it: chmod u+r" if isinstance(error, PermissionError) else ""
    return f"{path} cannot be read: {error.strerror or error}{hint}"
