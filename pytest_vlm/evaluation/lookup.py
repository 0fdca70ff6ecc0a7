"""Which answers and maps are wanted, and under which keys they are kept."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from pytest_vlm.evaluation.batch_plan import Batch
from pytest_vlm.evaluation.keys import answer_key
from pytest_vlm.evaluation.predictions import Prediction
from pytest_vlm.evaluation.samples import Sample
from pytest_vlm.evaluation.stores import Store


@dataclass(frozen=True)
class PlannedBatch:
    """A batch, and those of its rows that were asked for, with the keys of their answers."""

    batch: Batch
    wanted: tuple[int, ...]
    keys: tuple[str, ...]
    ids: tuple[str, ...]


@dataclass(frozen=True)
class Answers:
    """Position to answer and key, as far as they are known."""

    found: dict[int, Prediction]
    found_keys: dict[int, str]
    positions: Sequence[int]

    def take(
        self, planned: Sequence[PlannedBatch], store: Store, failed: Mapping[str, Prediction]
    ) -> list[PlannedBatch]:
        """Look wanted rows up, also among those that failed; the batches that miss one."""
        keys = [key for one in planned for key in one.keys]
        ids = [id for one in planned for id in one.ids]
        stored = iter(store.predictions(list(zip(keys, ids, strict=True))))
        missing = []
        for one in planned:
            rows = [next(stored) or failed.get(key) for key in one.keys]
            known = [prediction for prediction in rows if prediction is not None]
            if len(known) == len(rows):
                self._put(one, known)
            else:
                missing.append(one)
        return missing

    def put(self, planned: PlannedBatch, predictions: Sequence[Prediction]) -> None:
        """Take the wanted rows of a batch that was just answered."""
        self._put(planned, [predictions[row] for row in planned.wanted])

    def _put(self, planned: PlannedBatch, wanted: Sequence[Prediction]) -> None:
        places = [planned.batch.positions[row] for row in planned.wanted]
        self.found.update(zip(places, wanted, strict=True))
        self.found_keys.update(zip(places, planned.keys, strict=True))

    @property
    def predictions(self) -> list[Prediction]:
        return [self.found[position] for position in self.positions]

    @property
    def keys(self) -> list[str]:
        return [self.found_keys[position] for position in self.positions]


def find_wanted(
    batches: Iterable[Batch], samples: Mapping[int, Sample], checkpoint: str
) -> Iterator[PlannedBatch]:
    """The batches that hold samples that are asked for, which are given by position."""
    for batch in batches:
        rows = tuple(row for row, place in enumerate(batch.positions) if place in samples)
        if rows:
            wanted = [samples[batch.positions[row]] for row in rows]
            keys = tuple(answer_key(checkpoint, batch.digest, sample) for sample in wanted)
            yield PlannedBatch(batch, rows, keys, tuple(sample.id for sample in wanted))
