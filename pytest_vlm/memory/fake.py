"""A meter that counts what it is told: for testing limits, leaks and reports without a device."""

from __future__ import annotations

from collections.abc import Mapping


class FakeMeter:
    """A device of which the test says what is taken and given back.

    >>> from pytest_vlm.memory.guard import MemoryGuard
    >>> meter = FakeMeter()
    >>> with MemoryGuard(meter, 6 * 2**30, print):
    ...     meter.take(5 * 2**30)
    ...     meter.give(4 * 2**30)
    limited to 6.0 GiB, allocated 5.0 GiB on a fake device

    Attributes:
        device: in words.
        garbage: bytes of what is in use that `settle` gives back, as a collection would.

    Args:
        in_use: bytes, to begin with.
        told: what `figures` says.
    """

    def __init__(
        self, device: str = "a fake device", *, in_use: int = 0, told: Mapping[str, int] = {}
    ) -> None:
        self.device = device
        self.garbage = 0
        self._in_use = in_use
        self._peak = in_use
        self._told = dict(told)

    def take(self, size: int) -> None:
        """`size` more bytes are in use."""
        self._in_use += size
        self._peak = max(self._peak, self._in_use)

    def give(self, size: int) -> None:
        """`size` bytes are in use no longer."""
        self._in_use -= size

    def reset(self) -> None:
        """Forget the peak."""
        self._peak = self._in_use

    def settle(self) -> None:
        """Give back what is garbage."""
        self.give(self.garbage)
        self.garbage = 0

    def current(self) -> int:
        """Bytes in use."""
        return self._in_use

    def peak(self) -> int:
        """Most bytes in use since the last reset."""
        return self._peak

    def figures(self) -> Mapping[str, int]:
        """What it was told to say."""
        return self._told

    def summary(self) -> str:
        """Nothing more than the figures."""
        return ""
