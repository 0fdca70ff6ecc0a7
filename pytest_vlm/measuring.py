"""Memory and speed of a run's checkpoints, recorded while they answer."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Sequence
from itertools import count

from pytest_vlm.checkpoint.pool import EnginePool
from pytest_vlm.checkpoint.spec import CheckpointSpec
from pytest_vlm.evaluation.predictions import Prediction
from pytest_vlm.memory.guard import LeakCheck, MemoryGuard, MemoryUse
from pytest_vlm.protocols import Meter
from pytest_vlm.report.model import EventRecord, MemoryRecord, Record, SpeedRecord


class Measuring:
    """Measures on behalf of a session.

    Args:
        pool: of the loaded checkpoints; emptied where what they hold must not count.
        find_meter: the meter of a checkpoint's device, None where nothing can be measured.
        record: told every figure.
    """

    def __init__(
        self,
        *,
        pool: EnginePool,
        find_meter: Callable[[CheckpointSpec], Meter | None],
        record: Callable[[Record], None],
    ) -> None:
        self._pool = pool
        self._find_meter = find_meter
        self._record = record
        self._told: set[tuple[str, str]] = set()
        self._meter: Meter | None = None
        self._occasions = count(1)

    def guard(self, spec: CheckpointSpec, limit: int | None, what: str) -> MemoryGuard:
        """A block whose peak is recorded, and limited where there is a limit in bytes."""
        self._meter = self._find_meter(spec)
        return MemoryGuard(self._meter, limit, lambda use: self.memory(spec, use, what))

    def block(self, spec: CheckpointSpec, limit: int | None, what: str) -> MemoryGuard:
        """The same, for a block that starts without any loaded model."""
        guard = self.guard(spec, limit, what)
        self._pool.clear()
        gc.collect()
        return guard

    def in_use(self) -> int | None:
        """Bytes in use now on the device that was measured last; None where it cannot be told."""
        return None if self._meter is None else self._meter.current()

    def leak_check(self, spec: CheckpointSpec, limit: int) -> LeakCheck:
        """Begin to watch what is kept; the session's own models do not count."""
        return LeakCheck(self._find_meter(spec), limit, release=self._pool.clear)

    def memory(self, spec: CheckpointSpec, use: MemoryUse, what: str) -> None:
        """Record what a block or a test took or kept."""
        self._record(
            MemoryRecord(
                test=what,
                checkpoint=spec.name,
                measure=use.measure,
                device=use.device,
                bytes=use.bytes,
                limit=use.limit,
                within=use.within,
            )
        )

    def answers(
        self,
        spec: CheckpointSpec,
        computed: Sequence[Prediction],
        reused: Sequence[Prediction],
    ) -> None:
        """Record how fast computed answers came, how many were known, and each event once."""
        measured = (p.measurement for p in computed if p.measurement is not None)
        batches = {id(measurement): measurement for measurement in measured}.values()
        self._record(
            SpeedRecord(
                checkpoint=spec.name,
                samples=len(computed),
                seconds=sum(batch.seconds for batch in batches),
                new_tokens=sum(batch.tokens for batch in batches),
                visual_tokens=sum(p.visual_tokens for p in (*computed, *reused)),
                reused=len(reused),
                id=f"{os.getpid()}-{next(self._occasions)}",
            )
        )
        for event in sorted({event for p in (*computed, *reused) for event in p.events}):
            if (spec.name, event) not in self._told:
                self._told.add((spec.name, event))
                self._record(EventRecord(checkpoint=spec.name, event=event))
