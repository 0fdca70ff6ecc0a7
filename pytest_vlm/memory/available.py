"""How much memory a process may still take on a device."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

PROC = Path("/proc")
ACCELERATORS = ("cuda", "xpu", "mps")
CGROUP = Path("/sys/fs/cgroup")


def available(device: str, *, proc: Path = PROC, cgroup: Path = CGROUP) -> int | None:
    """Bytes that are free there, with what torch's allocator holds for later; None where unknown.

    On the CPU a container's own limit counts where it is lower than what the machine has.

    Args:
        device: ``cpu``, ``cuda``, ``cuda:1``, ...
        proc: where Linux tells what the machine has.
        cgroup: where it tells what the container may have (version 2).
    """
    kind = device.partition(":")[0]
    if kind == "cpu":
        told = [size for size in (_machine(proc), _container(cgroup)) if size is not None]
        return min(told, default=None)
    if kind not in ACCELERATORS:
        return None
    import torch

    library: Any = getattr(torch, kind)
    if not library.is_available():
        return None
    if kind == "mps":
        return int(library.recommended_max_memory() - library.driver_allocated_memory())
    free, _ = library.mem_get_info(device)
    return int(free + library.memory_reserved(device) - library.memory_allocated(device))


def _machine(proc: Path) -> int | None:
    try:
        found = re.search(r"^MemAvailable:\s+(\d+) kB$", (proc / "meminfo").read_text(), re.M)
    except OSError:
        return None
    return None if found is None else int(found[1]) * 1024


def _container(cgroup: Path) -> int | None:
    """Its limit less what it uses; pages of files that were read are given back when needed."""
    try:
        limit = (cgroup / "memory.max").read_text().strip()
        used = int((cgroup / "memory.current").read_text())
        statistics = (cgroup / "memory.stat").read_text()
    except (OSError, ValueError):
        return None
    if not limit.isdigit():
        return None
    cached = re.search(r"^inactive_file (\d+)$", statistics, re.M)
    return max(int(limit) - used + (int(cached[1]) if cached else 0), 0)
