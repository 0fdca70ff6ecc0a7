"""Memory and speed of a run's checkpoints, recorded while they answer."""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from itertools import count

from pytest_vlm.checkpoint.pool.pool import EnginePool
from pytest_vlm.checkpoint.spec import CheckpointSpec
from pytest_vlm.errors import SettingsError
from pytest_vlm.evaluation.predictions import Prediction
from pytest_vlm.memory.guard import LeakCheck, MemoryGuard, Watched
from pytest_vlm.memory.inner_meter import InnerMeter
from pytest_vlm.memory.timeline import Weights
from pytest_vlm.memory.use import MemoryUse
from pytest_vlm.protocols import Meter
from pytest_vlm.report.model import ANSWERING, EventRecord, MemoryRecord, Record, SpeedRecord

GLANCE_SECONDS = 0.1


def _unknown(_: CheckpointSpec) -> Mapping[str, int]:
    return {}


class Measuring:
    """Measures on behalf of a session.

    Args:
        pool: of the loaded checkpoints; emptied where what they hold must not count.
        find_meter: the meter of a checkpoint's device, None where nothing can be measured.
        record: told every figure.
        weights: bytes of the resident weights by checkpoint; a piece that two share counts once.
        watched: engines that were handed out, by checkpoint.
        expected: what answering takes beside the weights, in bytes by what it is; an estimate.
    """

    def __init__(
        self,
        *,
        pool: EnginePool,
        find_meter: Callable[[CheckpointSpec], Meter | None],
        record: Callable[[Record], None],
        weights: Weights = dict,
        watched: Watched = tuple,
        expected: Callable[[CheckpointSpec], Mapping[str, int]] = _unknown,
    ) -> None:
        self._pool = pool
        self._find_meter = find_meter
        self._record = record
        self._weights = weights
        self._watched = watched
        self._expected = expected
        self._told: set[tuple[str, str]] = set()
        self._guard: MemoryGuard | None = None
        self._block: str | None = None
        self._blocks: list[tuple[str, MemoryUse]] = []
        self._collected = 0
        self._occasions = count(1)
        self._glanced: tuple[float, int | None] = (0.0, None)

    def guard(self, spec: CheckpointSpec, limit: int | None, what: str) -> MemoryGuard:
        """A block whose peak is recorded, and limited where there is a limit in bytes."""
        self._guard = MemoryGuard(
            self._find_meter(spec),
            limit,
            lambda use: self.memory(spec, use, what),
            weights=self._weights,
            expected=lambda: self._expected(spec),
        )
        return self._guard

    def block(self, spec: CheckpointSpec, limit: int | None, what: str) -> MemoryGuard:
        """The same, for a block that starts without any loaded model.

        Raises:
            SettingsError: another block is being measured.
        """
        if self._block is not None:
            raise SettingsError(
                f"{what or 'this block'} measures its memory inside a block of "
                f"{self._block or 'its own'} that is measured already; blocks do not nest, because "
                "each begins without a loaded model: write one after the other, and no "
                "memory_guard in a test marked vlm_memory"
            )
        guard = self.guard(spec, limit, what)
        self._pool.clear()
        if self._pool.opened != self._collected:  # a model is a cycle; without one, time is saved
            self._collected = self._pool.opened
            gc.collect()
        self._block = what
        return guard

    def meter(self, spec: CheckpointSpec) -> Meter | None:
        """The meter of a checkpoint's device, for a measurement that may be inside of a block."""
        meter = self._find_meter(spec)
        if meter is None or self._guard is None or self._block is None:
            return meter
        return InnerMeter(meter, self._guard.look)

    def in_use(self, what: str = "answering") -> int | None:
        """Note that `what` went on until now; gives the bytes in use, None where not measured."""
        return None if self._guard is None else self._guard.look(what)

    def glance(self, *, last: bool) -> int | None:
        """The bytes in use while answering, as they were at most a tenth of a second ago.

        A small batch takes less than a look; the `last` one is looked at in any case.
        """
        now = time.monotonic()
        if last or now - self._glanced[0] > GLANCE_SECONDS:
            self._glanced = now, self.in_use()
        return self._glanced[1]

    def take_account(self) -> str:
        """What the blocks since the last call took, step by step, as text; empty without any."""
        told = "\n\n".join(f"{name}: {use.account()}" for name, use in self._blocks)
        self._blocks.clear()
        return told

    def leak_check(self, spec: CheckpointSpec, limit: int) -> LeakCheck:
        """Begin to watch what is kept; the session's own models do not count."""
        return LeakCheck(
            self._find_meter(spec), limit, release=self._pool.clear, watched=self._watched
        )

    def memory(self, spec: CheckpointSpec, use: MemoryUse, what: str) -> None:
        """Record what a block or a test took or kept."""
        if use.measure == "peak":
            self._guard = None
            if what != ANSWERING:
                self._block = None
                self._blocks.append((spec.name, use))
        self._record(
            MemoryRecord(
                test=what,
                checkpoint=spec.name,
                measure=use.measure,
                device=use.device,
                bytes=use.bytes,
                limit=use.limit,
                within=use.within,
                parts=use.parts,
                figures=use.figures,
                kept=use.kept,
                moments=[] if use.within else [asdict(moment) for moment in use.moments],
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
