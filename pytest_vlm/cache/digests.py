"""Digests of large files, remembered: hashing a checkpoint of many gigabytes takes many seconds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from time import time_ns

from pytest_vlm.cache.database import Database

LARGE = 16 * 2**20
SETTLED_NANOSECONDS = 2_000_000_000


class FileDigests:
    """Digests by path, size, inode and times.

    A program may set mtime back, but not ctime. A file whose ctime is younger than the
    coarsest clock of a file system is not remembered: a change in the same tick would not show.

    Args:
        database: where they are kept.
        compute: the digest of a file.
    """

    def __init__(self, database: Database, compute: Callable[[Path], str]) -> None:
        self._database = database
        self._compute = compute

    def of(self, path: Path) -> str:
        """The digest of a file."""
        signature = _signature(path)
        if path.stat().st_size < LARGE:
            return self._compute(path)
        query = "SELECT digest FROM files WHERE path = ? AND signature = ?"
        name = str(path.resolve())
        for (known,) in self._database.read(query, (name, signature)):
            return str(known)
        begun = time_ns()
        digest = self._compute(path)
        settled = begun - path.stat().st_ctime_ns > SETTLED_NANOSECONDS
        if settled and _signature(path) == signature:
            row = (name, signature, digest)
            self._database.write("INSERT OR REPLACE INTO files VALUES (?, ?, ?)", [row])
        return digest


def _signature(path: Path) -> str:
    status = path.stat()
    return f"{status.st_size} {status.st_ino} {status.st_mtime_ns} {status.st_ctime_ns}"
