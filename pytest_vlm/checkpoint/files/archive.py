"""A ``.pt`` file as an archive: its directory is checked before anything in it is read.

The format (torch 1.6 and later): a ZIP archive of stored entries. ``NAME/data.pkl`` is a pickle of
protocol 2; ``NAME/data/KEY`` are the bytes of one storage.
"""

from __future__ import annotations

import io
import struct
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from pytest_vlm.checkpoint.files.reading import open_regular
from pytest_vlm.errors import CheckpointError

SUFFIXES = (".bin", ".pt", ".pth", ".ckpt")
LARGEST_DIRECTORY = 8 * 2**20
LARGEST_PICKLE = 4 * 2**20
NEXT = "save the tensors alone, as safetensors: safetensors.torch.save_file(tensors, path)"


@dataclass(frozen=True, kw_only=True)
class TorchArchive:
    """What `torch.save` wrote.

    Attributes:
        pickle: not unpickled.
        storages: key to size in bytes.
    """

    pickle: bytes
    storages: dict[str, int]


def read_archive(path: Path) -> TorchArchive:
    """Read the pickle of an archive, and the sizes of what lies beside it.

    Raises:
        CheckpointError: it is none of torch's, packed, ambiguous, incomplete or too large.
    """
    with open_regular(path) as stream:
        start = stream.read(10)
        if not start.startswith(b"PK\x03\x04"):
            raise CheckpointError(f"{path} {_other_format(start)}")
        size = stream.seek(0, io.SEEK_END)
        _check_directory(path, stream, size)
        try:
            with zipfile.ZipFile(stream) as archive:
                sizes = _check_entries(path, archive.infolist(), size)
                name = _pickle_name(path, sizes)
                content = archive.read(name)
        except (
            zipfile.BadZipFile, ValueError, LookupError, NotImplementedError, RuntimeError,
            struct.error, EOFError,
        ) as error:  # fmt: skip
            raise CheckpointError(
                f"{path} is no complete torch archive ({error}); copy it again"
            ) from error
    folder = name.removesuffix(".pkl") + "/"
    storages = {n.removeprefix(folder): s for n, s in sizes.items() if n.startswith(folder)}
    return TorchArchive(pickle=content, storages=storages)


def _other_format(start: bytes) -> str:
    if start[8:9] == b"{":
        return "is a safetensors file under another name; name it .safetensors"
    if start.startswith(b"version "):
        return "is a Git LFS pointer, not weights; run: git lfs pull"
    if start.startswith(b"\x80"):
        return f"is a bare pickle, or of torch before 1.6, which can run code when loaded; {NEXT}"
    return "is no archive of torch.save; copy it again"


def _check_directory(path: Path, stream: BinaryIO, size: int) -> None:
    """Bound what `zipfile` will read for the archive's directory at once."""
    tail = min(size, 65_557)
    stream.seek(size - tail)
    content = stream.read(tail)
    at = content.rfind(b"PK\x05\x06")
    if at < 0 or at + 22 > len(content):
        raise CheckpointError(
            f"{path} is no complete torch archive ({size:,} bytes); copy it again"
        )
    (length,) = struct.unpack_from("<L", content, at + 12)
    large = content.rfind(b"PK\x06\x06", 0, at)
    if large >= 0 and large + 56 <= len(content):
        length = max(
            length if length != 0xFFFFFFFF else 0, *struct.unpack_from("<Q", content, large + 40)
        )
    if length > LARGEST_DIRECTORY:
        raise CheckpointError(
            f"{path} has a directory of {length:,} bytes; one of torch has at most "
            f"{LARGEST_DIRECTORY:,}: {NEXT}"
        )
    stream.seek(0)


def _check_entries(path: Path, entries: list[zipfile.ZipInfo], size: int) -> dict[str, int]:
    """Name to size of each."""
    found: dict[str, int] = {}
    for entry in entries:
        name = entry.filename
        if name in found:
            raise CheckpointError(
                f"{path} has two entries {name[:100]!r}, and readers differ in which they take; "
                f"{NEXT}"
            )
        if entry.compress_type or entry.flag_bits & 1:
            raise CheckpointError(
                f"{path} has a packed entry {name[:100]!r}: {entry.compress_size:,} bytes that "
                f"become {entry.file_size:,}. torch never packs; {NEXT}"
            )
        if name.startswith(("/", "\\")) or ".." in name.split("/"):
            raise CheckpointError(f"{path} has an entry outside itself, {name[:100]!r}; {NEXT}")
        found[name] = entry.file_size
    claimed = sum(entry.file_size for entry in entries)
    if claimed > size:
        raise CheckpointError(
            f"{path} has {size:,} bytes, its entries claim {claimed:,}: they overlap; {NEXT}"
        )
    return found


def _pickle_name(path: Path, entries: dict[str, int]) -> str:
    code = next((name for name in entries if "/code/" in name), None)
    if code is not None:
        raise CheckpointError(f"{path} is TorchScript and holds code ({code[:100]!r}); {NEXT}")
    pickles = [name for name in entries if name.endswith("/data.pkl") and name.count("/") == 1]
    if len(pickles) != 1:
        raise CheckpointError(f"{path} is a ZIP archive, but not one of torch.save; {NEXT}")
    size = entries[pickles[0]]
    if size > LARGEST_PICKLE:
        raise CheckpointError(
            f"{path} has a pickle of {size:,} bytes; one of tensors has at most "
            f"{LARGEST_PICKLE:,}: {NEXT}"
        )
    return pickles[0]
