"""Which answers and maps are wanted, and under which keys they are kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pytest_vlm.evaluation.batch_plan import LOOK, Batch, plan_look
from pytest_vlm.evaluation.keys import answer_key
from pytest_vlm.evaluation.predictions import Prediction
from pytest_vlm.evaluation.samples import Sample
from pytest_vlm.evaluation.stores import Store
from pytest_vlm.settings import GenerationSettings


@dataclass(frozen=True)
class PlannedBatch:
    """A batch with the key of each row's answer, and those rows that were asked for."""

    digest: str
    positions: tuple[int, ...]
    keys: tuple[str, ...]
    ids: tuple[str, ...]
    wanted: tuple[int, ...]


@dataclass(frozen=True)
class Answers:
    """Position to answer and key, as far as they are known."""

    found: dict[int, Prediction]
    found_keys: dict[int, str]
    positions: Sequence[int]

    def take(self, batch: PlannedBatch, store: Store) -> bool:
        """Look the wanted rows up; False where one is missing."""
        stored = store.predictions([(batch.keys[row], batch.ids[row]) for row in batch.wanted])
        for row, prediction in zip(batch.wanted, stored, strict=True):
            if prediction is not None:
                self.found[batch.positions[row]] = prediction
                self.found_keys[batch.positions[row]] = batch.keys[row]
        return None not in stored

    @property
    def predictions(self) -> list[Prediction]:
        return [self.found[position] for position in self.positions]

    @property
    def keys(self) -> list[str]:
        return [self.found_keys[position] for position in self.positions]


@dataclass(frozen=True)
class Explained:
    """Answers of which maps are wanted, planned in batches of their own."""

    samples: Sequence[Sample]
    predictions: Sequence[Prediction]
    batches: tuple[Batch, ...]
    keys: list[str]


def plan_questions(
    whole: Sequence[Sample],
    positions: Sequence[int],
    generation: GenerationSettings,
    checkpoint: str,
) -> list[PlannedBatch]:
    """The batches that hold a wanted position."""
    wanted = set(positions)
    found = []
    for start in sorted({position // LOOK * LOOK for position in wanted}):
        look = whole[start : start + LOOK]
        for batch in plan_look(look, start, generation):
            rows = tuple(row for row, place in enumerate(batch.positions) if place in wanted)
            if rows:
                samples = [look[place - start] for place in batch.positions]
                found.append(
                    PlannedBatch(
                        batch.digest,
                        batch.positions,
                        tuple(answer_key(checkpoint, batch.digest, s) for s in samples),
                        tuple(sample.id for sample in samples),
                        rows,
                    )
                )
    return found
