"""JSON Lines: one object a line."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from pytest_vlm.data.records import RecordFile, as_text, bounded_lines, parse_json
from pytest_vlm.data.rows import FIELDS, from_columns
from pytest_vlm.data.stamp import StampedFile
from pytest_vlm.errors import SamplesError

JSON_WHITESPACE = b" \t\r\n"


class JsonlTable:
    """A JSONL file.

    Args:
        path: of the file.
        as_columns: its fields are a table's columns, whose names others chose; otherwise a field
            that is not known is refused.

    Raises:
        SamplesError: it cannot be read, or has a line of many megabytes.
    """

    def __init__(self, path: Path, *, as_columns: bool = False) -> None:
        self.name = str(path)
        self._as_columns = as_columns
        file = StampedFile.of(path)
        self._records = RecordFile(file, _starts(file))

    def label(self, position: int) -> str:
        """``line 7``."""
        return f"line {self._records.line(position)}"

    def scan(self) -> Iterator[bytes]:
        """Every row."""
        return self._records.scan()

    def reading(self) -> AbstractContextManager[Callable[[int], bytes]]:
        """Gives the row at a position."""
        return self._records.reading()

    def row(self, record: bytes, position: int) -> dict[str, Any]:
        """The object on a line."""
        row = parse_json(as_text(record))
        if not isinstance(row, dict):
            raise SamplesError(f"expected a JSON object, found {type(row).__name__}")
        if self._as_columns:
            return from_columns(row, position + 1)
        unknown = sorted(row.keys() - FIELDS)
        if unknown:
            raise SamplesError(
                f"unknown field {unknown[0]!r}; known are {', '.join(sorted(FIELDS))} "
                "(put anything else under 'meta')"
            )
        return row


def _starts(stamped: StampedFile) -> array[int]:
    with stamped.open() as file:
        lines = bounded_lines(file, stamped.path)
        starts = array("q", (start for start, line in lines if line.strip(JSON_WHITESPACE)))
        starts.append(file.tell())
    return starts
