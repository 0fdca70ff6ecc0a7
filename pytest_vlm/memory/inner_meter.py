"""A measurement inside of a block that is measured itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pytest_vlm.protocols import Meter


@dataclass(frozen=True)
class InnerMeter:
    """A device has one peak: before it is forgotten, the block around is told.

    Args:
        meter: of the device, shared with the block.
        look: the block's; called with what went on until then.
    """

    meter: Meter
    look: Callable[[str], object]

    @property
    def device(self) -> str:
        """What is measured."""
        return self.meter.device

    def reset(self) -> None:
        """Forget the peak, which the block remembers."""
        self.look("measuring")
        self.meter.reset()

    def settle(self) -> None:
        """Keep only what is held."""
        self.meter.settle()

    def current(self) -> int:
        """Bytes in use now."""
        return self.meter.current()

    def peak(self) -> int:
        """Most bytes in use since the last reset."""
        return self.meter.peak()
