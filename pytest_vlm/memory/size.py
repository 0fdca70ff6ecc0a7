"""Sizes in words: ``"14 GiB"``."""

from __future__ import annotations

import re

from pytest_vlm.errors import SettingsError

UNITS = {
    "B": 1,
    "KB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "KIB": 2**10,
    "MIB": 2**20,
    "GIB": 2**30,
    "TIB": 2**40,
}


def parse_size(text: str | int) -> int:
    """Bytes of ``"14 GiB"``, ``"512MiB"``, ``"1.5 GB"`` or a plain number of bytes.

    Raises:
        SettingsError: not a size.
    """
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]*)\s*", str(text))
    unit = (match[2].upper() or "B") if match else ""
    if match is None or unit not in UNITS:
        raise SettingsError(f"{text!r} is not a size; write for example '14 GiB' or '512 MiB'")
    return int(float(match[1]) * UNITS[unit])


def format_size(size: float) -> str:
    """A size for people: ``13.4 GiB``."""
    for unit in ("B", "KiB", "MiB"):
        if abs(size) < 1024:
            return f"{size:.0f} B" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} GiB"
