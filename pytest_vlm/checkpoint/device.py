"""The name of the device that a checkpoint will run on, without torch where there is only a CPU."""

from __future__ import annotations

import platform
import sys
from pathlib import Path

OFFLOADED = "+cpu"
ACCELERATORS = ("/proc/driver/nvidia/version", "/dev/nvidia0", "/dev/dxg", "/dev/kfd")


def device_name(device: str) -> str:
    """What computes, by its model name: two kinds of device round differently.

    Args:
        device: as `LoadSettings` names it.
    """
    if device.endswith(OFFLOADED):
        return f"{device_name(accelerator(device))}, weights in the CPU's memory"
    if device == "cpu" or (device == "auto" and not _may_have_cuda()):
        return f"cpu {_processor()}"
    import torch

    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if device.startswith("cuda") and torch.cuda.is_available():
        return f"cuda {torch.cuda.get_device_name(device)}"
    return f"{device} {_processor()}"


def accelerator(device: str) -> str:
    """The device that computes where a part of the weights lies in the CPU's memory."""
    return device.removesuffix(OFFLOADED)


def _may_have_cuda() -> bool:
    return sys.platform != "linux" or any(Path(path).exists() for path in ACCELERATORS)


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())
