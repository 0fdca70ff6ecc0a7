"""The header of a safetensors file: shapes and sizes without reading a weight.

The format: 8 bytes little-endian length, that many bytes of JSON, then the tensors' bytes, one
tensor after the other without a gap.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import Any

from pytest_vlm.checkpoint.files.reading import open_regular, parse_json
from pytest_vlm.errors import CheckpointError

LARGEST_HEADER = 16 * 2**20
LARGEST_INTEGER = 2**63 - 1
BITS = {
    "F64": 64, "I64": 64, "U64": 64, "C64": 64,
    "F32": 32, "I32": 32, "U32": 32,
    "F16": 16, "BF16": 16, "I16": 16, "U16": 16,
    "F8_E4M3": 8, "F8_E5M2": 8, "F8_E8M0": 8, "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8,
    "I8": 8, "U8": 8, "BOOL": 8,
    "F6_E2M3": 6, "F6_E3M2": 6, "F4": 4,
}  # fmt: skip
OTHER_FORMATS = (
    (b"version ", "a Git LFS pointer, not weights; run: git lfs pull"),
    (b"<!doctyp", "a web page, not weights; download it again, logged in"),
    (b"<html", "a web page, not weights; download it again, logged in"),
    (b"<?xml", "a web page, not weights; download it again, logged in"),
    (b"pk\x03\x04", "a ZIP archive such as torch.save writes, whatever its name says; save the "
     "weights as safetensors"),
    (b"\x80", "a pickle, whatever its name says, which can run code when loaded; save the weights "
     "as safetensors"),
    (b"\x1f\x8b", "a gzip archive; unpack it first"),
    (b"gguf", "a GGUF file; give the Hugging Face folder that it was made from"),
    (b"\x89hdf", "an HDF5 file; save the weights as safetensors"),
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class SafetensorsHeader:
    """What a header says.

    Attributes:
        shapes: tensor name to shape.
        dtypes: tensor name to dtype as the format spells it (``F32``, ``BF16``).
        bytes: total size of the tensors.
        metadata: what the file says of itself.
    """

    shapes: dict[str, tuple[int, ...]]
    dtypes: dict[str, str]
    bytes: int
    metadata: dict[str, str] = field(default_factory=dict)

    @property
    def parameters(self) -> int:
        """Number of stored values."""
        return sum(prod(shape) for shape in self.shapes.values())


def read_header(path: Path) -> SafetensorsHeader:
    """Read a header and check it against the file's size.

    Raises:
        CheckpointError: the file is not safetensors, not complete, or its header is not one that
            the safetensors library would write.
    """
    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        start = file.read(8)
        for magic, what in OTHER_FORMATS:
            if start.lower().startswith(magic) and not _may_be_length(start, size):
                raise CheckpointError(f"{path} is {what}")
        length = int.from_bytes(start, "little")
        if len(start) < 8 or length < 2 or 8 + length > size:
            raise CheckpointError(
                f"{path} is not a complete safetensors file ({size} bytes); copy it again"
            )
        if length > LARGEST_HEADER:
            raise CheckpointError(
                f"{path} claims a header of {length:,} bytes; a real one has at most "
                f"{LARGEST_HEADER:,}. Save the weights again with safetensors"
            )
        content = file.read(length)
    if not content.startswith(b"{"):
        raise _damaged(path, "it does not begin with {")
    try:
        entries = parse_json(content, path)
    except CheckpointError as error:
        raise _damaged(path, str(error).removeprefix(f"{path} ")) from error
    metadata = entries.pop("__metadata__", {})
    _check_metadata(path, metadata)
    tensors = [_tensor(path, name, entry) for name, entry in entries.items()]
    end = max((tensor.end for tensor in tensors), default=0)
    if size != 8 + length + end:
        raise CheckpointError(
            f"{path} is {size} bytes, its header needs {8 + length + end}: "
            "an incomplete copy; copy it again"
        )
    _check_layout(path, tensors)
    return SafetensorsHeader(
        shapes={tensor.name: tensor.shape for tensor in tensors},
        dtypes={tensor.name: tensor.dtype for tensor in tensors},
        bytes=end,
        metadata=metadata,
    )


@dataclass(frozen=True, slots=True)
class _Tensor:
    name: str
    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int


def _may_be_length(start: bytes, size: int) -> bool:
    return len(start) == 8 and 8 + int.from_bytes(start, "little") <= size


def _tensor(path: Path, name: str, entry: Any) -> _Tensor:
    if not name.isprintable():
        raise _damaged(path, f"the name {name[:100]!r} has characters that cannot be shown")
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        raise _damaged(path, f"{name[:100]} has not exactly dtype, shape and data_offsets")
    dtype, shape = entry["dtype"], _integers(path, name, "shape", entry["shape"])
    offsets = _integers(path, name, "data_offsets", entry["data_offsets"])
    if not isinstance(dtype, str) or dtype not in BITS:
        raise _damaged(path, f"{name[:100]} has the unknown dtype {str(dtype)[:40]!r}")
    if len(offsets) != 2 or offsets[0] > offsets[1]:
        raise _damaged(
            path, f"{name[:100]} lies at {list(offsets)[:4]}, which is no range of bytes"
        )
    return _Tensor(name, dtype, shape, *offsets)


def _integers(path: Path, name: str, what: str, values: Any) -> tuple[int, ...]:
    if not isinstance(values, list) or not all(
        type(value) is int and 0 <= value <= LARGEST_INTEGER for value in values
    ):
        shown = str(values)[:100]
        raise _damaged(path, f"{name[:100]} has a {what} that is no list of sizes: {shown}")
    return tuple(values)


def _check_layout(path: Path, tensors: list[_Tensor]) -> None:
    """Every tensor has the bytes of its shape, and all together cover the file once."""
    reached, before = 0, "the header"
    for tensor in sorted(tensors, key=lambda tensor: (tensor.begin, tensor.end)):
        bits = BITS[tensor.dtype]
        needed = bits
        for extent in tensor.shape:
            # Each partial product is bounded, so that many large extents cost nothing.
            needed = min(needed * extent, bits << 64)
        if needed != 8 * (tensor.end - tensor.begin):
            raise _damaged(
                path,
                f"{tensor.name[:100]} has {tensor.end - tensor.begin} bytes, which are not "
                f"{tensor.dtype} of shape {list(tensor.shape)[:8]}",
            )
        if tensor.begin != reached:
            what = "overlap" if tensor.begin < reached else "leave a gap"
            raise _damaged(
                path,
                f"{before[:100]} and {tensor.name[:100]} {what}: one ends at byte {reached}, the "
                f"other begins at {tensor.begin}",
            )
        reached, before = tensor.end, tensor.name


def _check_metadata(path: Path, metadata: Any) -> None:
    if not isinstance(metadata, dict) or not all(isinstance(v, str) for v in metadata.values()):
        raise _damaged(path, "its __metadata__ is not text by name")


def _damaged(path: Path, why: str) -> CheckpointError:
    return CheckpointError(
        f"{path} has a damaged safetensors header ({why}); copy it again, or save it again with "
        "safetensors"
    )
