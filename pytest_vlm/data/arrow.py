"""Tables of Arrow, which parquet files and the library ``datasets`` give."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from threading import Lock
from typing import TYPE_CHECKING, Any

from pytest_vlm.data.rows import ALIASES, FIELDS, from_columns, require_question
from pytest_vlm.errors import SamplesError

if TYPE_CHECKING:
    import pyarrow as pa

Row = dict[str, Any]
BATCH_ROWS = 64
KEPT = 17  # batches; the 1,024 samples that are planned together are asked in another order
NO_PICTURE = b""


class ArrowTable:
    """Rows in batches of Arrow.

    Pictures that are stored in the table are not read when the rows are checked, unless a region
    must lie in them.

    Args:
        name: for messages.
        schema: of the table.
        begin: the last position at or before a row at which reading may begin.
        batches: batches of some columns, from such a position on.
    """

    def __init__(
        self,
        *,
        name: str,
        schema: pa.Schema,
        begin: Callable[[int], int],
        batches: Callable[[int, list[str]], Iterator[list[Row]]],
    ) -> None:
        require_question(schema.names, name)
        self.name = name
        self._batches = batches
        self._columns = [field.name for field in schema if _is_wanted(field)]
        empty = {name: _empty_picture(schema.field(name).type) for name in self._columns}
        self._stored = {name: value for name, value in empty.items() if value is not None}
        self._rows = _BatchedRows(begin, lambda start: batches(start, self._columns))

    def label(self, position: int) -> str:
        """``row 3``, from 1 on."""
        return f"row {position + 1}"

    def scan(self) -> Iterator[Row]:
        """Every row."""
        left_out = {} if "region" in self._columns else self._stored
        columns = [name for name in self._columns if name not in left_out]
        for batch in self._batches(0, columns):
            for row in batch:
                yield row | left_out

    def reading(self) -> AbstractContextManager[Callable[[int], Row]]:
        """Gives the row at a position."""
        return nullcontext(self._rows.row)

    def row(self, record: Row, position: int) -> dict[str, Any]:
        """The columns of a row as fields."""
        return from_columns(record, position + 1)


class _BatchedRows:
    """Rows by position. Going forward reads on; going back starts again at the nearest beginning.

    Args:
        begin: the last position at or before a row at which reading may begin.
        batches: the batches from such a position on.
    """

    def __init__(
        self, begin: Callable[[int], int], batches: Callable[[int], Iterator[list[Row]]]
    ) -> None:
        self._begin = begin
        self._batches = batches
        self._kept: deque[tuple[int, list[Row]]] = deque(maxlen=KEPT)
        self._coming: Iterator[list[Row]] = iter(())
        self._next = -1  # nothing is coming yet
        self._lock = Lock()

    def row(self, position: int) -> Row:
        """The row at a position.

        Raises:
            SamplesError: there is none, though there was.
        """
        with self._lock:
            for start, rows in self._kept:
                if start <= position < start + len(rows):
                    return rows[position - start]
            begin = self._begin(position)
            if not begin <= self._next <= position:
                self._coming, self._next = self._batches(begin), begin
            for rows in self._coming:
                start, self._next = self._next, self._next + len(rows)
                self._kept.appendleft((start, rows))
                if position < self._next:
                    return rows[position - start]
        raise SamplesError(f"row {position + 1} cannot be read any more; start the run again")


def missing_library(name: str) -> SamplesError:
    """What to say where a library is not installed."""
    return SamplesError(f"this needs {name}; run: pip install 'pytest-vlm[data]'")


def _is_wanted(field: pa.Field) -> bool:
    """A field of a sample, or one that is small enough for ``meta``."""
    import pyarrow.types as kinds

    plain = (kinds.is_string, kinds.is_large_string, kinds.is_integer, kinds.is_floating)
    return (
        field.name in FIELDS
        or field.name in ALIASES
        or any(kind(field.type) for kind in (*plain, kinds.is_boolean))
    )


def _empty_picture(kind: pa.DataType) -> object:
    """What stands for pictures that are stored in a column; None where it stores none."""
    import pyarrow.types as kinds

    if kinds.is_list(kind) or kinds.is_large_list(kind):
        inner = _empty_picture(kind.value_type)
        return None if inner is None else [inner]
    if kinds.is_struct(kind):
        return NO_PICTURE if kind.get_field_index("bytes") >= 0 else None
    return NO_PICTURE if kinds.is_binary(kind) or kinds.is_large_binary(kind) else None
