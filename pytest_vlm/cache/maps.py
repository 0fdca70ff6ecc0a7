"""Relevance maps as ``.npz`` files."""

from __future__ import annotations

import io
import json
import zlib
from pathlib import Path
from uuid import uuid4
from zipfile import BadZipFile

import numpy as np

from pytest_vlm.heatmap.heatmap import Heatmap

ARRAYS = ("values", "boxes", "media", "frame")


def map_file(folder: Path, key: str, checksum: int) -> Path:
    """Where a map lies: in one of 256 folders, so that none grows too large.

    The checksum of the content is in the name: two processes that write another map under one key
    do not replace each other's file, so that every row has the file it was written with.
    """
    return folder / key[:2] / f"{key}-{checksum:08x}.npz"


def write_map(folder: Path, key: str, heatmap: Heatmap) -> tuple[int, int]:
    """Write a map without its sample, all of it or nothing; its size in bytes and its checksum."""
    buffer = io.BytesIO()
    arrays = {name: getattr(heatmap, name) for name in ARRAYS}
    about = {"method": heatmap.method, "layers": heatmap.layers, "span": heatmap.span}
    np.savez(buffer, about=np.array(json.dumps(about)), **arrays)
    content = buffer.getvalue()
    checksum = zlib.crc32(content)
    path = map_file(folder, key, checksum)
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f"{uuid4().hex}.part")
    try:
        beside.write_bytes(content)
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    return len(content), checksum


def read_map(folder: Path, key: str, checksum: int) -> Heatmap | None:
    """The map, or None where the file is missing or not the one that was written."""
    try:
        content = map_file(folder, key, checksum).read_bytes()
        if zlib.crc32(content) != checksum:
            return None
        with np.load(io.BytesIO(content), allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in ARRAYS}
            about = json.loads(str(stored["about"]))
            span = about["span"]
            return Heatmap(
                **arrays,
                method=about["method"],
                layers=tuple(about["layers"]),
                span=None if span is None else (span[0], span[1]),
            )
    except (OSError, ValueError, KeyError, EOFError, TypeError, BadZipFile):
        return None
