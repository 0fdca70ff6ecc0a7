"""A meter for a device that tells what is in use now, and no peak."""

from __future__ import annotations

import gc
import time
import weakref
from collections.abc import Callable
from threading import Lock, Thread

INTERVAL = 0.005


class SampledMeter:
    """Looks every few milliseconds and keeps the most it saw.

    A peak that comes and goes between two looks is missed: the figure is at least so much, and the
    name of the device says how it was taken. The thread begins at the first reset and ends with the
    meter.

    Args:
        device: in words.
        read: bytes in use now; called from a thread.
        interval: seconds between two looks.
    """

    def __init__(self, device: str, read: Callable[[], int], interval: float = INTERVAL) -> None:
        self.device = f"{device} (sampled every {interval * 1000:g} ms)"
        self._read = read
        self._interval = interval
        self._peak = 0
        self._lock = Lock()
        self._looking = False

    def reset(self) -> None:
        """Forget the peak, and begin to look."""
        with self._lock:
            self._peak = self._read()
            if not self._looking:
                self._looking = True
                arguments = (weakref.ref(self), self._interval)
                Thread(target=_watch, args=arguments, daemon=True).start()

    def settle(self) -> None:
        """Collect garbage."""
        gc.collect()

    def current(self) -> int:
        """Bytes in use now."""
        return self._read()

    def peak(self) -> int:
        """The most that was seen."""
        with self._lock:
            self._peak = max(self._peak, self._read())
            return self._peak


def _watch(meter: weakref.ref[SampledMeter], interval: float) -> None:
    while (alive := meter()) is not None:
        alive.peak()
        del alive
        time.sleep(interval)
