"""Time and memory of two checkpoints, measured in turns: never shared out, never from the cache.

Clocks drift and machines have moods, so the two answer the same batches in alternating blocks, A B,
B A, A B, ..., and a claim sees each block as one cluster. The claims of one run about the same
samples share one pass: measuring again until a claim holds would show nothing.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace

from pytest_vlm.checkpoint.spec import CheckpointSpec
from pytest_vlm.errors import EngineError
from pytest_vlm.evaluation.batch_plan import plan_batches
from pytest_vlm.evaluation.predictions import Completion, Measurement, Prediction
from pytest_vlm.evaluation.samples import Message, Sample, Text
from pytest_vlm.protocols import Engine, Meter, Progress
from pytest_vlm.settings import GenerationSettings

BLOCKS = 12
MEASURED = Completion(raw="", reasoning="", answer="measured", finish_reason="stop", tokens=0)


@dataclass(frozen=True, kw_only=True)
class MeasuredPairs:
    """Position i of everything is one batch, as both checkpoints answered it.

    Attributes:
        samples: one for each batch, in the cluster of its block.
        baseline: its measurements, each as a prediction of the batch.
        candidate: likewise.
    """

    samples: tuple[Sample, ...]
    baseline: tuple[Prediction, ...]
    candidate: tuple[Prediction, ...]


class SpeedPass:
    """Measures one checkpoint against another.

    Args:
        lease: of a checkpoint, loaded; one that was dropped in between is loaded and warmed up
            again.
        meter: of a checkpoint's device; None where memory cannot be measured.
        beside: bytes of other checkpoints' weights on that device; they do not count.
        generation: how both answer.
        progress: told how far it is.
    """

    def __init__(
        self,
        *,
        lease: Callable[[CheckpointSpec], AbstractContextManager[Engine]],
        meter: Callable[[CheckpointSpec], Meter | None],
        beside: Callable[[CheckpointSpec], int],
        generation: GenerationSettings,
        progress: Progress,
    ) -> None:
        self._lease = lease
        self._beside = beside
        self._meter = meter
        self._generation = generation
        self._progress = progress
        self._warm: dict[str, weakref.ref[Engine]] = {}
        self._passes: dict[tuple[str, ...], MeasuredPairs] = {}

    def measure(
        self, baseline: CheckpointSpec, candidate: CheckpointSpec, samples: Sequence[Sample]
    ) -> MeasuredPairs:
        """Both answer every batch of the samples' plan; a few are asked again in later blocks.

        Raises:
            EngineError: an engine that does not measure its batches, or could not answer one; or
                two that run on devices of different kinds.
        """
        asked = (baseline.name, candidate.name, *(sample.digest for sample in samples))
        if asked not in self._passes:
            self._passes[asked] = self._measure_pairs(baseline, candidate, samples)
        return self._passes[asked]

    def _measure_pairs(
        self, baseline: CheckpointSpec, candidate: CheckpointSpec, samples: Sequence[Sample]
    ) -> MeasuredPairs:
        batches = [
            [samples[place] for place in batch.positions]
            for batch in plan_batches(samples, self._generation)
        ]
        what, done = f"{baseline.name} and {candidate.name}: measured", 0
        devices = {spec.name: self._device(spec) for spec in (candidate, baseline)}
        if len({device.partition(":")[0] for device in devices.values()}) > 1:
            where = " and ".join(f"{name} on {device}" for name, device in devices.items())
            raise EngineError(f"{where}: time and memory can be compared on one device only")
        blocks = [_share(batches, number) for number in range(BLOCKS)]
        total = 2 * sum(len(batch) for block in blocks for batch in block)
        measured: dict[str, list[Measurement]] = {baseline.name: [], candidate.name: []}
        self._progress(what, 0, total)
        for number, block in enumerate(blocks):
            for spec in (baseline, candidate) if number % 2 == 0 else (candidate, baseline):
                for batch in block:
                    measured[spec.name].append(self._measure(spec, batch))
                    done += len(batch)
                    self._progress(what, done, total)
        placed = [(number, batch) for number, block in enumerate(blocks) for batch in block]
        asked = tuple(_as_sample(i, *where) for i, where in enumerate(placed))
        sides = (_as_predictions(asked, measured[spec.name]) for spec in (baseline, candidate))
        return MeasuredPairs(samples=asked, baseline=next(sides), candidate=next(sides))

    def _device(self, spec: CheckpointSpec) -> str:
        with self._lease(spec) as engine:
            return engine.device

    def _measure(self, spec: CheckpointSpec, batch: list[Sample]) -> Measurement:
        with self._lease(spec) as engine:
            return self._ask(spec, engine, batch)

    def _ask(self, spec: CheckpointSpec, engine: Engine, batch: list[Sample]) -> Measurement:
        warm = self._warm.get(spec.name)
        if warm is None or warm() is not engine:
            next(engine.predict([batch], self._generation))
            self._warm[spec.name] = weakref.ref(engine)
        meter = self._meter(spec)
        if meter is not None:
            meter.reset()
        predictions = next(engine.predict([batch], self._generation))
        failed = next((p for p in predictions if p.unusable == "error"), None)
        if failed is not None:
            raise EngineError(f"{failed.sample_id} could not be answered: {failed.events}")
        measurement = predictions[0].measurement
        if measurement is None:
            raise EngineError(f"the engine of {spec.name} does not measure its batches")
        peak = None if meter is None else meter.peak() - self._beside(spec)
        return replace(measurement, peak=peak)


def _share(batches: Sequence[list[Sample]], number: int) -> Sequence[list[Sample]]:
    """The batches of a block; they are sorted by size, so each block takes every so-manieth."""
    return batches[number::BLOCKS] or [batches[number % len(batches)]]


def _as_sample(number: int, block: int, batch: Sequence[Sample]) -> Sample:
    message = Message(role="user", parts=(Text(text=f"{len(batch)} samples"),))
    return Sample(id=f"batch {number}", messages=(message,), cluster=f"block {block}")


def _as_predictions(
    samples: Sequence[Sample], measurements: Sequence[Measurement]
) -> tuple[Prediction, ...]:
    return tuple(
        Prediction(sample_id=sample.id, completions=(MEASURED,), measurement=measurement)
        for sample, measurement in zip(samples, measurements, strict=True)
    )
