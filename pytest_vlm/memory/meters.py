"""Meters for the memory of a device; what cannot be measured has no meter."""

from __future__ import annotations

import ctypes
import gc
import os
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from pytest_vlm.memory.sampled_meter import SampledMeter
from pytest_vlm.protocols import Meter

PROCESS = Path("/proc/self")
RESET_PEAK = "5"
PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096
RESIDENT = {
    "anonymous": "RssAnon",
    "mapped files": "RssFile",
    "shared": "RssShmem",
    "swapped out": "VmSwap",
}


@runtime_checkable
class DetailedMeter(Protocol):
    """A meter that can say more than one figure; for information, never for a limit."""

    def figures(self) -> Mapping[str, int]:
        """Bytes by what they are, now or at most since the last reset, as the name says."""

    def summary(self) -> str:
        """What the device's own library says of it, some lines long; it may say nothing."""


@dataclass(frozen=True)
class ResidentMeter:
    """Resident memory of this process, from Linux' own accounting (VmRSS, VmHWM).

    Exact from 1 MiB on. Weights that are mapped from a file count when they are first read.
    """

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
        """Resident bytes; statm says the same as VmRSS and is read in a fraction of the time."""
        return int(self._read("statm").split()[1]) * PAGE

    def peak(self) -> int:
        """VmHWM in bytes."""
        return self._field("VmHWM")

    def figures(self) -> Mapping[str, int]:
        """What the resident memory is now, and what of the process lies in swap."""
        found = dict(re.findall(rb"^(\w+):\s+(\d+) kB$", self._read("status"), re.M))
        told = {name: found.get(field.encode()) for name, field in RESIDENT.items()}
        return {name: int(size) * 1024 for name, size in told.items() if size is not None}

    def summary(self) -> str:
        """Nothing: the figures are all there is."""
        return ""

    def _field(self, name: str) -> int:
        match = re.search(rb"^%b:\s+(\d+) kB$" % name.encode(), self._read("status"), re.M)
        if match is None:
            raise OSError(f"{self.process}/status has no {name}")
        return int(match[1]) * 1024

    def _read(self, name: str) -> bytes:
        file = os.open(f"{self.process}/{name}", os.O_RDONLY)  # read after every batch
        try:
            return os.read(file, PAGE)  # the kernel gives all at once
        finally:
            os.close(file)


@dataclass(frozen=True)
class AllocatorMeter:
    """Memory that torch's allocator has handed out on one CUDA or XPU device.

    What the allocator keeps in reserve and what other libraries take is not part of it; `figures`
    has it beside.
    """

    device: str

    def reset(self) -> None:
        """Forget the peak."""
        self._library.reset_peak_memory_stats(self.device)

    def settle(self) -> None:
        """Collect garbage; the allocator counts what is held, not what it keeps in reserve."""
        gc.collect()

    def current(self) -> int:
        """Allocated bytes."""
        return int(self._library.memory_allocated(self.device))

    def peak(self) -> int:
        """Most allocated bytes."""
        return int(self._library.max_memory_allocated(self.device))

    def figures(self) -> Mapping[str, int]:
        """Reserve and fragmentation at most; the device's own figure, of every process, now."""
        reserved = int(self._library.max_memory_reserved(self.device))
        found = {
            "reserved at most": reserved,
            "fragmentation at most (reserved - allocated)": max(reserved - self.peak(), 0),
        }
        with suppress(RuntimeError):  # a driver that does not tell
            free, total = self._library.mem_get_info(self.device)
            found["in use on the device, by every process"] = total - free
            found["the device has"] = total
        # NVML may be missing, or not see this device by the same number.
        with suppress(ImportError, RuntimeError, AttributeError):
            found["in use on the device, by NVML"] = self._library.device_memory_used(self.device)
        return found

    def summary(self) -> str:
        """The allocator's own table, where the library makes one."""
        if not hasattr(self._library, "memory_summary"):
            return ""
        return str(self._library.memory_summary(self.device, abbreviated=True))

    @property
    def _library(self) -> Any:
        import torch

        return torch.xpu if self.device.startswith("xpu") else torch.cuda


def meter_for(device: str) -> Meter | None:
    """The meter of ``cpu``, ``cuda:1``, ``xpu`` or ``mps``; None where nothing can be measured.

    Metal tells what is allocated now and no peak: its meter looks every few milliseconds, and its
    name says so.
    """
    if device == "cpu":
        meter = ResidentMeter()
        try:
            meter.reset()
            meter.peak()
        except OSError:
            return None
        return meter
    kind = device.partition(":")[0]
    if kind not in ("cuda", "xpu", "mps"):
        return None
    try:
        import torch
    except ImportError:
        return None
    if kind == "mps":
        if not torch.backends.mps.is_available():
            return None
        return SampledMeter("mps", torch.mps.current_allocated_memory)
    library = torch.cuda if kind == "cuda" else torch.xpu
    return AllocatorMeter(device) if library.is_available() else None
