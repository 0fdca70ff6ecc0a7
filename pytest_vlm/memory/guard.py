"""Limits for the memory of a block of work."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

from pytest_vlm.errors import MemoryLimitExceeded
from pytest_vlm.memory.size import format_size
from pytest_vlm.protocols import Meter


@dataclass(frozen=True, kw_only=True)
class MemoryUse:
    """What a block of work took.

    Attributes:
        device: what was measured; ``not measured`` where nothing could be.
        peak: bytes above the start of the block; None where not measured.
        limit: bytes allowed; None without a limit.
    """

    device: str
    peak: int | None
    limit: int | None

    @property
    def within(self) -> bool:
        """Whether the limit held; a limit that could not be measured did not."""
        if self.limit is None:
            return True
        return self.peak is not None and self.peak <= self.limit

    def __str__(self) -> str:
        took = f"took {format_size(self.peak)}" if self.peak is not None else "not measured"
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
        device = self._meter.device if self._meter is not None else "this device"
        use = MemoryUse(device=device, peak=peak, limit=self._limit)
        self._record(use)
        if failure is None and not use.within:
            raise MemoryLimitExceeded(str(use))
