"""Limits for the memory of a block of work, and for what a test keeps."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Self

from pytest_vlm.errors import MemoryLimitExceeded
from pytest_vlm.memory.holders import find_holder
from pytest_vlm.memory.meters import DetailedMeter
from pytest_vlm.memory.tensors import LargeTensors
from pytest_vlm.memory.timeline import Peak, Timeline, Weights
from pytest_vlm.memory.use import MemoryUse
from pytest_vlm.protocols import Meter

NOWHERE = "this device"
REST = "the rest of the block"
ANSWERED = "answering"
Watched = Callable[[], Sequence[tuple[str, weakref.ref[object]]]]


class MemoryGuard:
    """A context manager that measures a block and raises where it took more than its limit.

    The baseline is what was in use when the block began: a checkpoint loaded inside counts with its
    weights.

    Attributes:
        use: what the block took; None until it has ended.

    Args:
        meter: of the device, None where nothing can be measured.
        limit: bytes, or None to measure only.
        record: told the use, whatever the outcome.
        weights: bytes of the resident weights by checkpoint, to say what the peak was made of.
        expected: bytes of what an answer takes beside the weights, by what it is: an estimate.
    """

    def __init__(
        self,
        meter: Meter | None,
        limit: int | None,
        record: Callable[[MemoryUse], None],
        *,
        weights: Weights = dict,
        expected: Weights = dict,
    ) -> None:
        self._meter = meter
        self._limit = limit
        self._record = record
        self._weights = weights
        self._expected = expected
        self._timeline: Timeline | None = None
        self.use: MemoryUse | None = None

    def __enter__(self) -> Self:
        if self._meter is not None:
            self._timeline = Timeline(self._meter, self._weights)
        return self

    def look(self, what: str) -> int | None:
        """`what` went on until now; gives the bytes in use, None where they cannot be told."""
        return None if self._timeline is None else self._timeline.look(what)

    def __exit__(self, failure: type[BaseException] | None, *_: object) -> None:
        self.look(REST)
        self.use = self._measured(failed=failure is not None)
        self._record(self.use)
        if failure is None and not self.use.within:
            raise MemoryLimitExceeded(str(self.use))

    def _measured(self, *, failed: bool) -> MemoryUse:
        if self._meter is None or self._timeline is None:
            return MemoryUse(measure="peak", device=NOWHERE, bytes=None, limit=self._limit)
        peak = self._timeline.peak
        detailed = self._meter if isinstance(self._meter, DetailedMeter) else None
        over = self._limit is not None and peak.bytes > self._limit
        return MemoryUse(
            measure="peak",
            device=self._meter.device,
            bytes=peak.bytes,
            limit=self._limit,
            parts=attribute(peak, self._expected() if peak.during.endswith(ANSWERED) else {}),
            figures={} if detailed is None else detailed.figures(),
            moments=self._timeline.moments,
            summary=detailed.summary() if detailed is not None and (failed or over) else "",
        )


def attribute(peak: Peak, expected: Mapping[str, int]) -> dict[str, int]:
    """What a peak was made of: weights as they were counted, the rest as it was estimated.

    Nothing where no weights are known or where they are more than the peak: weights that are mapped
    from a file are not in memory until they are read. An estimate that is more than the rest says
    nothing about it.
    """
    parts = {f"weights ({name})": size for name, size in peak.weights.items()}
    rest = peak.bytes - sum(parts.values())
    if not parts or rest < 0:
        return {}
    if sum(expected.values()) <= rest:
        parts |= {f"{name} (estimated)": size for name, size in expected.items()}
        rest -= sum(expected.values())
    return parts | {f"other ({peak.during})": rest}


class LeakCheck:
    """What is in use more after a test than before it, models that nobody asked to keep released.

    Two things are a leak: more bytes than the limit, and a model that the test used and that is
    still there, whatever its size.

    Args:
        meter: of the device, None where nothing can be measured.
        limit: bytes.
        release: drops the models that the session itself keeps loaded.
        watched: the models that were handed out, by a name for people.
    """

    def __init__(
        self,
        meter: Meter | None,
        limit: int,
        release: Callable[[], None],
        watched: Watched = tuple,
    ) -> None:
        self._meter = meter
        self._limit = limit
        self._release = release
        self._watched = watched
        self._before = self._settled()
        self._known = [ref for _, ref in watched() if ref() is not None]
        self._tensors = LargeTensors()

    def judge(self) -> MemoryUse:
        """Measure again; the test's fixtures must be gone by now."""
        now = self._settled()
        kept = max(now - self._before, 0) if self._meter is not None else None
        holders = self._models()
        if kept is not None and kept > self._limit:
            holders |= self._tensors.new()
        return MemoryUse(
            measure="leak",
            device=NOWHERE if self._meter is None else self._meter.device,
            bytes=kept,
            limit=self._limit,
            kept=holders,
        )

    def unjudged(self, why: str) -> MemoryUse:
        """Nothing can be said, and why."""
        device = NOWHERE if self._meter is None else self._meter.device
        return MemoryUse(measure="leak", device=device, bytes=None, limit=self._limit, why=why)

    def _models(self) -> dict[str, str]:
        """Those that are still there and were not before, and what holds them."""
        known = [ref() for ref in self._known]
        return {
            name: find_holder(ref)
            for name, ref in self._watched()
            if ref() is not None and not any(ref() is one for one in known)
        }

    def _settled(self) -> int:
        self._release()
        if self._meter is None:
            return 0
        self._meter.settle()
        return self._meter.current()
