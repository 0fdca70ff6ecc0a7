"""Relevance maps as ``.npz`` files."""

from __future__ import annotations

import io
import os
import zlib
from pathlib import Path

import numpy as np

from pytest_vlm.heatmap.heatmap import Heatmap

ARRAYS = ("values", "boxes", "media", "frame")


def map_file(folder: Path, key: str) -> Path:
    """Where the map of a key lies: 256 folders, so that none grows too large."""
    return folder / key[:2] / f"{key}.npz"


def write_map(path: Path, heatmap: Heatmap) -> tuple[int, int]:
    """Write a map without its sample, all of it or nothing; its size in bytes and its checksum."""
    buffer = io.BytesIO()
    arrays = {name: getattr(heatmap, name) for name in ARRAYS}
    np.savez(buffer, method=np.array(heatmap.method), **arrays)
    content = buffer.getvalue()
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(f".{os.getpid()}.part")
    beside.write_bytes(content)
    beside.replace(path)
    return len(content), zlib.crc32(content)


def read_map(path: Path, checksum: int) -> Heatmap | None:
    """The map, or None where the file is missing or not the one that was written."""
    try:
        content = path.read_bytes()
    except OSError:
        return None
    if zlib.crc32(content) != checksum:
        return None
    with np.load(io.BytesIO(content), allow_pickle=False) as stored:
        arrays = {name: stored[name] for name in ARRAYS}
        return Heatmap(**arrays, method=str(stored["method"]))
