"""The header of a safetensors file: shapes and sizes without reading a weight.

The format: 8 bytes little-endian length, that many bytes of JSON, then the tensors' bytes.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from math import prod
from operator import index
from pathlib import Path

from pytest_vlm.errors import CheckpointError

LARGEST_HEADER = 100_000_000


@dataclass(frozen=True, kw_only=True)
class SafetensorsHeader:
    """What a header says.

    Attributes:
        shapes: tensor name to shape.
        dtypes: tensor name to dtype as the format spells it (``F32``, ``BF16``).
        bytes: total size of the tensors.
    """

    shapes: dict[str, tuple[int, ...]]
    dtypes: dict[str, str]
    bytes: int

    @property
    def parameters(self) -> int:
        """Number of stored values."""
        return sum(prod(shape) for shape in self.shapes.values())


def read_header(path: Path) -> SafetensorsHeader:
    """Read and check a header against the file's size.

    Raises:
        CheckpointError: the file is not safetensors, or not complete.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(8)
        if start.startswith((b"version ", b"<!DOCTYP", b"<html", b"<?xml")):
            what = "a Git LFS pointer; run: git lfs pull" if start[0] == 118 else "a web page"
            raise CheckpointError(f"{path} is {what}, not weights")
        length = int.from_bytes(start, "little")
        if len(start) < 8 or not 2 <= length <= LARGEST_HEADER or 8 + length > size:
            raise CheckpointError(
                f"{path} is not a complete safetensors file ({size} bytes); copy it again"
            )
        content = file.read(length)
    try:
        header = json.loads(content)
        tensors = {name: entry for name, entry in header.items() if name != "__metadata__"}
        end = max((index(entry["data_offsets"][1]) for entry in tensors.values()), default=0)
        shapes = {name: tuple(map(index, entry["shape"])) for name, entry in tensors.items()}
        dtypes = {name: str(entry["dtype"]) for name, entry in tensors.items()}
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise CheckpointError(f"{path} has a damaged safetensors header ({error})") from error
    if size != 8 + length + end:
        raise CheckpointError(
            f"{path} is {size} bytes, its header needs {8 + length + end}: "
            "an incomplete copy; copy it again"
        )
    return SafetensorsHeader(shapes=shapes, dtypes=dtypes, bytes=end)
