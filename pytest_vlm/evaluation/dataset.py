"""A dataset: samples by position, slice or id, read when they are asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Protocol, overload, runtime_checkable

import numpy as np
import numpy.typing as npt

from pytest_vlm.errors import SamplesError
from pytest_vlm.evaluation.samples import Sample

Positions = range | npt.NDArray[np.int64]


@runtime_checkable
class Rows(Protocol):
    """Where samples come from: a list, or a file of which only an index is in memory."""

    def __len__(self) -> int:
        """How many there are."""

    def read(self, positions: Iterable[int]) -> Iterator[Sample]:
        """The samples at these positions, in this order.

        Raises:
            SamplesError: the file has changed since it was opened.
        """

    def candidates(self, id: str) -> Iterable[int]:
        """Positions of the few samples that may have this id; the one that has it is among them."""


class Dataset(Sequence[Sample]):
    """Samples in order, found by position, by slice or by id.

    A part (a slice, or what `where` leaves) reads from the same rows as the whole. A sample of a
    file is forgotten with its last user, and made anew when it is asked for again.

    Attributes:
        root: the whole dataset that this one is a part of, or itself.
        positions: of the samples in the root.

    Args:
        samples: the samples themselves, or the rows of a file (see `pytest_vlm.data`).

    Raises:
        SamplesError: two samples share one id.
    """

    positions: Positions

    def __init__(self, samples: Iterable[Sample] | Rows) -> None:
        self._rows = samples if isinstance(samples, Rows) else _Listed(samples)
        self._root: Dataset | None = None
        self.positions = range(len(self._rows))

    @property
    def root(self) -> Dataset:
        """The whole dataset that this one is a part of, or itself."""
        return self._root or self

    @overload
    def __getitem__(self, key: int | str) -> Sample: ...
    @overload
    def __getitem__(self, key: slice) -> Dataset: ...
    def __getitem__(self, key: int | str | slice) -> Sample | Dataset:
        if isinstance(key, slice):
            return self._part(self.positions[key])
        if isinstance(key, str):
            return self._named(key)
        [sample] = self._rows.read([int(self.positions[key])])
        return sample

    def __len__(self) -> int:
        return len(self.positions)

    def __iter__(self) -> Iterator[Sample]:
        return self._rows.read(map(int, self.positions))

    def __contains__(self, sample: object) -> bool:
        position = self.position_of(sample) if isinstance(sample, Sample) else None
        return position is not None and position in self.positions

    def __repr__(self) -> str:
        return f"Dataset({len(self)} samples)"

    def position_of(self, sample: Sample) -> int | None:
        """Where the root has an equal sample, or None."""
        for position in self._rows.candidates(sample.id):
            [own] = self._rows.read([position])
            if own is sample or own == sample:
                return position
        return None

    def where(self, predicate: Callable[[Sample], bool]) -> Dataset:
        """The samples that the predicate is true of."""
        pairs = zip(self.positions, self, strict=True)
        kept = (position for position, sample in pairs if predicate(sample))
        return self._part(np.fromiter(kept, dtype=np.int64))

    def with_regions(self) -> Dataset:
        """The samples that say where to look."""
        return self.where(lambda sample: bool(sample.regions))

    def tagged(self, tag: str) -> Dataset:
        """The samples that carry the tag."""
        return self.where(lambda sample: tag in sample.tags)

    def reordered(self, order: Sequence[int] | npt.NDArray[np.int64]) -> Dataset:
        """The samples at these positions of this dataset, in this order, as a whole of its own."""
        positions = np.asarray(self.positions, dtype=np.int64)[np.asarray(order, dtype=np.int64)]
        return Dataset(_Reordered(self._rows, positions))

    def _part(self, positions: Positions) -> Dataset:
        part = Dataset(self._rows)
        part._root = self.root
        part.positions = positions
        return part

    def _named(self, id: str) -> Sample:
        for position in self._rows.candidates(id):
            [sample] = self._rows.read([position])
            if sample.id == id and position in self.positions:
                return sample
        raise SamplesError(f"no sample has the id {id!r}")


class _Listed:
    """Samples that are in memory."""

    def __init__(self, samples: Iterable[Sample]) -> None:
        self._samples = tuple(samples)
        self._positions: dict[str, int] = {}
        for position, sample in enumerate(self._samples):
            if sample.id in self._positions:
                raise SamplesError(f"two samples have the id {sample.id!r}; ids must be unique")
            self._positions[sample.id] = position

    def __len__(self) -> int:
        return len(self._samples)

    def read(self, positions: Iterable[int]) -> Iterator[Sample]:
        return (self._samples[position] for position in positions)

    def candidates(self, id: str) -> Iterable[int]:
        return [self._positions[id]] if id in self._positions else []


class _Reordered:
    """Some of the rows, in another order."""

    def __init__(self, rows: Rows, order: npt.NDArray[np.int64]) -> None:
        self._rows = rows
        self._order = order
        self._place = {int(row): place for place, row in enumerate(order)}

    def __len__(self) -> int:
        return len(self._order)

    def read(self, positions: Iterable[int]) -> Iterator[Sample]:
        return self._rows.read(int(self._order[position]) for position in positions)

    def candidates(self, id: str) -> Iterable[int]:
        rows = self._rows.candidates(id)
        return [self._place[row] for row in rows if row in self._place]
