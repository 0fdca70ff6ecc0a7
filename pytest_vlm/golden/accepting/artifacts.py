"""Files that may come from anywhere: looked at from outside before anything reads them."""

from __future__ import annotations

import json
import re
import stat
import struct
import warnings
import zipfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

from pytest_vlm.errors import GoldenError

AGAIN = "run the suite again, or download its report folder again"
LIMITS = {".npz": 16 * 2**20, ".json": 2**20, ".png": 64 * 2**20}  # a map takes a few kB
UNPACKED = 64 * 2**20
UNREADABLE = (  # what json and zipfile raise on damaged bytes, and records with other fields
    OSError,
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    AssertionError,
    NotImplementedError,
    RecursionError,  # brackets in brackets, ten thousand deep
    MemoryError,
    struct.error,
    zipfile.BadZipFile,
)


def entries(folder: Path) -> list[Path]:
    """What lies in a folder, by name; files that nobody reads start with a dot."""
    return sorted(path for path in folder.iterdir() if not path.name.startswith("."))


def unlike_folder(path: Path, name: re.Pattern[str]) -> str:
    """Why this is no folder of that kind; empty where it is one."""
    if not name.fullmatch(path.name):
        return "that is no name for it"
    return "" if stat.S_ISDIR(path.lstat().st_mode) else "it is a link or no folder"


def read_plain(path: Path, limit: int) -> bytes:
    """A file's content.

    Raises:
        OSError: it cannot be read.
        ValueError: it is a link or another thing than a file, or larger than the limit.
    """
    found = path.lstat()
    if not stat.S_ISREG(found.st_mode):
        raise ValueError(f"{path.name} is a link or no file")
    if found.st_size > limit:
        raise ValueError(f"{path.name} has {found.st_size:,} bytes, at most {limit:,} are read")
    return path.read_bytes()


def check_files(path: Path) -> None:
    """Look at the files of a golden, whose path without a suffix is given.

    Nothing is unpacked beyond a limit, and no pickle is run.

    Raises:
        GoldenError: one is missing or damaged, too large, or not what its suffix says.
    """
    described = _checked(path, ".json", json.loads)
    _checked(path, ".png", _check_picture)
    if not isinstance(described, dict) or described.get("subject") != "image":
        _checked(path, ".npz", _check_map)


def _checked(path: Path, suffix: str, check: Callable[[bytes], object]) -> object:
    name = f"{path.name}{suffix}"
    try:
        return check(read_plain(path.with_name(name), LIMITS[suffix]))
    except FileNotFoundError as error:
        raise GoldenError(f"{name} is missing, the artifact is incomplete") from error
    except UNREADABLE as error:
        raise GoldenError(f"{name} cannot be used ({error})") from error


def _check_picture(content: bytes) -> None:
    from PIL import Image

    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            with Image.open(BytesIO(content), formats=("PNG",)) as picture:
                picture.load()
        except Exception as error:  # there is no list of what Pillow raises on damaged bytes
            raise ValueError(f"no picture: {error}") from error


def _check_map(content: bytes) -> None:
    with zipfile.ZipFile(BytesIO(content)) as archive:
        size = sum(member.file_size for member in archive.infolist())
    if size > UNPACKED:
        raise ValueError(f"it unpacks to {size:,} bytes, at most {UNPACKED:,} are read")
