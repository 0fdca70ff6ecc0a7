"""Limits for the memory of a block of work."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Self

from pytest_vlm.errors import MemoryLimitExceeded
from pytest_vlm.memory.size import format_size
from pytest_vlm.protocols import Meter


@dataclass(frozen=True, kw_only=True)
class MemoryUse:
    """What a block of work took, or what was kept after it.

    Attributes:
        measure: ``peak`` or ``leak``.
        device: what was measured.
        bytes: above the start; None where not measured.
        limit: bytes allowed; None without a limit.
    """

    measure: Literal["peak", "leak"]
    device: str
    bytes: int | None
    limit: int | None

    @property
    def within(self) -> bool:
        """Whether the limit held; a limit that could not be measured did not."""
        if self.limit is None:
            return True
        return self.bytes is not None and self.bytes <= self.limit

    def __str__(self) -> str:
        verb = "took" if self.measure == "peak" else "leaked"
        took = f"{verb} {format_size(self.bytes)}" if self.bytes is not None else "not measured"
        limited = f"limited to {format_size(self.limit)}, " if self.limit is not None else ""
        return f"{limited}{took} on {self.device}"


class MemoryGuard:
    """A context manager that measures a block and raises where it took more than its limit.

    The baseline is what was in use when the block began: a checkpoint loaded inside counts with its
    weights.

    Args:
        meter: of the device, None where nothing can be measured.
        limit: bytes, or None to measure only.
        record: told the use, whatever the outcome.
    """

    def __init__(
        self, meter: Meter | None, limit: int | None, record: Callable[[MemoryUse], None]
    ) -> None:
        self._meter = meter
        self._limit = limit
        self._record = record
        self._before = 0

    def __enter__(self) -> Self:
        if self._meter is not None:
            self._meter.reset()
            self._before = self._meter.current()
        return self

    def __exit__(self, failure: type[BaseException] | None, *_: object) -> None:
        peak = None if self._meter is None else max(self._meter.peak() - self._before, 0)
        use = _use("peak", self._meter, peak, self._limit)
        self._record(use)
        if failure is None and not use.within:
            raise MemoryLimitExceeded(str(use))


class LeakCheck:
    """What is in use more after a test than before it, models that nobody asked to keep released.

    Args:
        meter: of the device, None where nothing can be measured.
        limit: bytes.
        release: drops the models that the session itself keeps loaded.
    """

    def __init__(self, meter: Meter | None, limit: int, release: Callable[[], None]) -> None:
        self._meter = meter
        self._limit = limit
        self._release = release
        self._before = self._settled()

    def judge(self) -> MemoryUse:
        """Measure again; the test's fixtures must be gone by now."""
        kept = max(self._settled() - self._before, 0) if self._meter is not None else None
        return _use("leak", self._meter, kept, self._limit)

    def _settled(self) -> int:
        self._release()
        if self._meter is None:
            return 0
        self._meter.settle()
        return self._meter.current()


def _use(
    measure: Literal["peak", "leak"], meter: Meter | None, size: int | None, limit: int | None
) -> MemoryUse:
    device = meter.device if meter is not None else "this device"
    return MemoryUse(measure=measure, device=device, bytes=size, limit=limit)
