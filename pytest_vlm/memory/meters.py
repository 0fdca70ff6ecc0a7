"""Meters for the memory of a device; what cannot be measured has no meter."""

from __future__ import annotations

import ctypes
import gc
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pytest_vlm.protocols import Meter

PROCESS = Path("/proc/self")
RESET_PEAK = "5"


@dataclass(frozen=True)
class ResidentMeter:
    """Resident memory of this process, from Linux' own accounting (VmRSS, VmHWM)."""

    process: Path = PROCESS

    @property
    def device(self) -> str:
        """What is measured."""
        return "CPU (resident memory)"

    def reset(self) -> None:
        """Forget the peak: writing 5 to clear_refs resets VmHWM."""
        (self.process / "clear_refs").write_text(RESET_PEAK)

    def settle(self) -> None:
        """Collect garbage; glibc keeps freed pages until malloc_trim."""
        gc.collect()
        with suppress(OSError, AttributeError):  # another C library
            ctypes.CDLL(None).malloc_trim(0)

    def current(self) -> int:
        """VmRSS in bytes."""
        return self._field("VmRSS")

    def peak(self) -> int:
        """VmHWM in bytes."""
        return self._field("VmHWM")

    def _field(self, name: str) -> int:
        match = re.search(rf"^{name}:\s+(\d+) kB$", (self.process / "status").read_text(), re.M)
        if match is None:
            raise OSError(f"{self.process}/status has no {name}")
        return int(match[1]) * 1024


@dataclass(frozen=True)
class CudaMeter:
    """Memory that torch's allocator has handed out on one CUDA device."""

    device: str

    def reset(self) -> None:
        """Forget the peak."""
        import torch

        torch.cuda.reset_peak_memory_stats(self.device)

    def settle(self) -> None:
        """Collect garbage; the allocator counts what is held, not what it keeps in reserve."""
        gc.collect()

    def current(self) -> int:
        """Allocated bytes."""
        import torch

        return torch.cuda.memory_allocated(self.device)

    def peak(self) -> int:
        """Most allocated bytes."""
        import torch

        return torch.cuda.max_memory_allocated(self.device)


def meter_for(device: str) -> Meter | None:
    """The meter of a device, or None where nothing can be measured."""
    if device.startswith("cuda"):
        return CudaMeter(device)
    if device == "cpu":
        meter = ResidentMeter()
        try:
            meter.reset()
            meter.peak()
        except OSError:
            return None
        return meter
    return None
