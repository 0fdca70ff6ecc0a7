"""The records of a text file by position: only where each one begins is kept in memory."""

from __future__ import annotations

import json
from array import array
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from pytest_vlm.data.stamp import StampedFile
from pytest_vlm.errors import SamplesError

LONGEST_LINE = 8 * 2**20
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
CHUNK = 2**20
DEEPEST = 50


class RecordFile:
    """Bytes of each record of a file, in 8 bytes of memory a record.

    Args:
        file: as it was when the records were found.
        starts: offset of each record, and behind them that of the end.
    """

    def __init__(self, file: StampedFile, starts: array[int]) -> None:
        self._file = file
        self._starts = starts

    def __len__(self) -> int:
        return len(self._starts) - 1

    @contextmanager
    def reading(self) -> Iterator[Callable[[int], bytes]]:
        """Gives the record at a position.

        Raises:
            SamplesError: the file has changed.
        """
        with self._file.open() as file:

            def record(position: int) -> bytes:
                start = self._starts[position]
                file.seek(start)
                return file.read(self._starts[position + 1] - start)

            yield record

    def scan(self) -> Iterator[bytes]:
        """Every record in order."""
        with self.reading() as record:
            yield from map(record, range(len(self)))

    def line(self, position: int) -> int:
        """The number of the line that a record begins on; found by counting, for messages."""
        left, number = self._starts[position], 1
        with self._file.open() as file:
            while left > 0 and (chunk := file.read(min(left, CHUNK))):
                number += chunk.count(b"\n")
                left -= len(chunk)
        return number


def bounded_lines(file: BinaryIO, path: Path) -> Iterator[tuple[int, bytes]]:
    """Offset and bytes of each line, its end included; a byte-order mark is no part of the first.

    Raises:
        SamplesError: a line is longer than `LONGEST_LINE`; no more than that of it is read.
    """
    start = len(BYTE_ORDER_MARK) if file.read(len(BYTE_ORDER_MARK)) == BYTE_ORDER_MARK else 0
    file.seek(start)
    number = 0
    while line := file.readline(LONGEST_LINE + 1):
        number += 1
        if len(line) > LONGEST_LINE:
            raise SamplesError(
                f"{path}, line {number}: longer than {LONGEST_LINE // 2**20} MiB; keep pictures "
                "in files of their own, and end every row with a line break"
            )
        yield start, line
        start += len(line)


def as_text(record: bytes) -> str:
    """Decode UTF-8.

    Raises:
        SamplesError: it is something else.
    """
    try:
        text = record.decode("utf-8")
    except UnicodeDecodeError as error:
        raise SamplesError(f"not UTF-8 text (byte {error.start} of it)") from error
    if "\0" in text:
        raise SamplesError("a NUL byte; save the file as UTF-8 text")
    return text


def parse_json(text: str) -> Any:
    """The value of a JSON text.

    Raises:
        SamplesError: it is not JSON, not text, or deeper nested than anything that has to keep it
            can follow.
    """
    try:
        value = json.loads(text)
        if "\\ud" in text or "\\uD" in text:  # half a character, which no file can be written with
            json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise SamplesError(f"not valid JSON ({error})") from error
    if text.count("[") + text.count("{") > DEEPEST:
        _refuse_deep(value)
    return value


def _refuse_deep(value: object) -> None:
    level = [value]
    for _ in range(DEEPEST):
        level = [
            inner
            for outer in level
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
    if level:
        raise SamplesError(f"not valid JSON for a sample (nested deeper than {DEEPEST} levels)")
