"""Rows of any format as the rows of a dataset: checked once, then read when they are asked for."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Any, Protocol, TypeVar
from weakref import WeakValueDictionary

import numpy as np

from pytest_vlm.data.rows import RowParser
from pytest_vlm.errors import SamplesError
from pytest_vlm.evaluation.lasting import lasting_values
from pytest_vlm.evaluation.samples import Sample

Record = TypeVar("Record")
REMEMBERED = 16_384


class Table(Protocol[Record]):
    """One format: its records by position, and what stands in one."""

    @property
    def name(self) -> str:
        """For messages: the path."""

    def label(self, position: int) -> str:
        """Where a record is found: ``line 7``, ``row 3``."""

    def scan(self) -> Iterator[Record]:
        """Every record in order, once. Pictures that are stored in it may be left empty."""

    def reading(self) -> AbstractContextManager[Callable[[int], Record]]:
        """Gives the record at a position, while it is open."""

    def row(self, record: Record, position: int) -> dict[str, Any]:
        """What stands in a record, under the names of `pytest_vlm.data.rows.FIELDS`.

        Raises:
            SamplesError: with what is wrong with it.
        """


class CheckedTable:
    """The rows of a table, every one of which was checked when it was made.

    A sample that somebody still has is given again, with the digests it knows.

    Raises:
        SamplesError: with file and line, for anything that is not a usable sample.
    """

    def __init__(self, table: Table[Any], parser: RowParser) -> None:
        self._table = table
        self._parser = parser
        self._living: WeakValueDictionary[int, Sample] = WeakValueDictionary()
        self._latest: deque[Sample] = deque(maxlen=REMEMBERED)
        hashes = array("q")
        with lasting_values():
            for position, record in enumerate(table.scan()):
                sample = self._sample(record, position, check=True)
                hashes.append(hash(sample.id))
                self._remember(sample, position)
        if not hashes:
            raise SamplesError(
                f"{table.name} holds no samples; write one JSON object a line, for example "
                '{"id": "1", "image": "cat.png", "query": "What is this?", "target": "a cat"}'
            )
        self._ids = _IdIndex(hashes)
        self._count = len(hashes)
        self._refuse_repeated()

    def __len__(self) -> int:
        return self._count

    def read(self, positions: Iterable[int]) -> Iterator[Sample]:
        """The samples at these positions, in this order."""
        record: Callable[[int], Any] | None = None
        with ExitStack() as opened:
            for position in positions:
                sample = self._living.get(position)
                if sample is None:
                    record = record or opened.enter_context(self._table.reading())
                    sample = self._living[position] = self._sample(record(position), position)
                    self._remember(sample, position)
                yield sample

    def candidates(self, id: str) -> Iterator[int]:
        """Positions of the few samples that may have this id."""
        return self._ids.candidates(id)

    def _remember(self, sample: Sample, position: int) -> None:
        """Keep the latest samples, unless they hold their pictures."""
        if all(isinstance(frame.source, Path) for frame in sample.frames):
            self._living[position] = sample
            self._latest.append(sample)

    def _sample(self, record: Any, position: int, *, check: bool = False) -> Sample:
        try:
            sample = self._parser.sample(self._table.row(record, position))
            if check:
                self._parser.check(sample)
        except SamplesError as error:
            place = f"{self._table.name}, {self._table.label(position)}"
            raise SamplesError(f"{place}: {error}") from error
        return sample

    def _refuse_repeated(self) -> None:
        for pair in self._ids.repeated():
            first, second = self.read(pair)
            if first.id == second.id:
                before, after = map(self._table.label, pair)
                raise SamplesError(
                    f"{self._table.name}, {after}: the id {first.id!r} was already used on {before}"
                )


class _IdIndex:
    """Finds rows by id, and ids that occur twice, in 12 bytes a row.

    Equal hashes are candidates that the caller compares.

    Args:
        hashes: `hash(id)` of each row, as ``array("q")``.
    """

    def __init__(self, hashes: array[int]) -> None:
        values = np.frombuffer(hashes, dtype=np.int64)
        order = np.argsort(values, kind="stable")
        self._order = order.astype(np.uint32 if len(values) < 2**32 else np.int64)
        self._hashes = values[self._order]
        self._search = memoryview(self._hashes)  # one look-up is faster without numpy

    def candidates(self, id: str) -> Iterator[int]:
        """Positions that may have this id, in order."""
        wanted = hash(id)
        place = bisect_left(self._search, wanted)
        while place < len(self._search) and self._search[place] == wanted:
            yield int(self._order[place])
            place += 1

    def repeated(self) -> Iterator[tuple[int, int]]:
        """Neighbours in position that share a hash; the ones that come first in the file first."""
        places = np.flatnonzero(self._hashes[1:] == self._hashes[:-1])
        pairs = np.stack([self._order[places], self._order[places + 1]], axis=1)
        yield from map(tuple, pairs[np.argsort(pairs[:, 1])].tolist())
