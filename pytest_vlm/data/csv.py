"""CSV and TSV: a header with the fields' names, one row a sample."""

from __future__ import annotations

import csv
import io
from array import array
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, BinaryIO, Self

from pytest_vlm.data.records import LONGEST_LINE, RecordFile, as_text, bounded_lines, parse_json
from pytest_vlm.data.rows import ALIASES, from_columns, require_question
from pytest_vlm.data.stamp import StampedFile
from pytest_vlm.errors import SamplesError

JSON_FIELDS = frozenset(["messages", "region", "meta"])
LIST_FIELDS = frozenset(["images", "choices", "tags"])
SEPARATOR = "|"


class CsvTable:
    """A CSV file in UTF-8, or a TSV file by its name.

    An empty cell is no value. ``messages``, ``region`` and ``meta`` are written as JSON;
    ``images``, ``choices`` and ``tags`` as JSON lists or separated by ``|``; ``target`` as a JSON
    list or as the one answer it is.

    Raises:
        SamplesError: it cannot be read, or is not a CSV file with a header.
    """

    def __init__(self, path: Path) -> None:
        self.name = str(path)
        self._delimiter = "\t" if path.suffix.lower() == ".tsv" else ","
        file = StampedFile.of(path)
        self._header, starts = self._index(file)
        self._records = RecordFile(file, starts)

    def label(self, position: int) -> str:
        """``line 7``: the first of the row."""
        return f"line {self._records.line(position)}"

    def scan(self) -> Iterator[bytes]:
        """Every row."""
        return self._records.scan()

    def reading(self) -> AbstractContextManager[Callable[[int], bytes]]:
        """Gives the row at a position."""
        return self._records.reading()

    def row(self, record: bytes, position: int) -> dict[str, Any]:
        """The cells of a row."""
        cells = next(self._reader(io.StringIO(as_text(record), newline="")))
        if len(cells) != len(self._header):
            raise SamplesError(f"{len(cells)} cells under a header of {len(self._header)}")
        named = zip(self._header, cells, strict=True)
        return from_columns({name: _value(name, cell) for name, cell in named}, position + 1)

    def _reader(self, lines: Iterable[str]) -> Iterator[list[str]]:
        return csv.reader(lines, delimiter=self._delimiter, strict=True)

    def _index(self, stamped: StampedFile) -> tuple[list[str], array[int]]:
        """The header, and where each row begins: a quoted cell may have several lines."""
        starts = array("q")
        with stamped.open() as file:
            lines = _Lines(file, stamped.path)
            reader = self._reader(lines)
            try:
                header = [name.strip() for name in next(reader, [])]
                starts.append(lines.begin_row())
                for cells in reader:
                    if cells:
                        starts.append(lines.begin_row())
                    else:
                        starts[-1] = lines.begin_row()  # an empty line belongs to no row
            except csv.Error as error:
                raise SamplesError(f"{stamped.path}, line {lines.row}: {error}") from error
        if not header:
            raise SamplesError(
                f"{stamped.path} holds no samples; begin it with a header such as "
                f"{self._delimiter.join(['id', 'image', 'query', 'target'])}"
            )
        repeated = [name for name in header if header.count(name) > 1]
        if repeated:
            raise SamplesError(f"{stamped.path}, line 1: two columns are named {repeated[0]!r}")
        require_question(header, self.name)
        return header, starts


class _Lines:
    """The lines of a file as text, which knows how far it is.

    Attributes:
        row: the number of the line that the row begins on.
    """

    def __init__(self, file: BinaryIO, path: Path) -> None:
        self._lines = bounded_lines(file, path)
        self._path = path
        self._number = self._start = self._end = 0
        self.row = 1

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> str:
        start, line = next(self._lines)
        self._number += 1
        self._end = start + len(line)
        if self._end - self._start > LONGEST_LINE:
            raise csv.Error(f"a row of more than {LONGEST_LINE // 2**20} MiB")
        try:
            return as_text(line)
        except SamplesError as error:
            raise SamplesError(f"{self._path}, line {self._number}: {error}") from error

    def begin_row(self) -> int:
        """Let a row begin here, and say at which byte."""
        self._start, self.row = self._end, self._number + 1
        return self._end


def _value(column: str, cell: str) -> object:
    """What a cell says; None where it is empty."""
    field = ALIASES.get(column, column)
    if not cell.strip():
        return None
    may_be_list = field in LIST_FIELDS or field == "target"
    if field in JSON_FIELDS or (may_be_list and cell.lstrip().startswith("[")):
        try:
            return parse_json(cell)
        except SamplesError as error:
            if field in JSON_FIELDS:
                raise SamplesError(f"{column!r} is {error}") from error
    return [part.strip() for part in cell.split(SEPARATOR)] if field in LIST_FIELDS else cell
