"""Digests of large files, remembered: hashing a checkpoint of many gigabytes takes many seconds."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from time import time_ns

from pytest_vlm.cache.database import Database
from pytest_vlm.cache.payload import checksum

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
        before = path.stat()
        if before.st_size < LARGE:
            return self._compute(path)
        signature = _signature(before)
        query = "SELECT digest, checksum FROM digests WHERE path = ? AND signature = ?"
        name = os.fsencode(path.resolve())
        for known, expected in self._database.read(query, (name, signature)):
            if checksum(name, str(known).encode()) == expected:
                return str(known)
        begun = time_ns()
        digest = self._compute(path)
        settled = begun - before.st_ctime_ns > SETTLED_NANOSECONDS
        if settled and _signature(path.stat()) == signature:
            row = (name, signature, digest, checksum(name, digest.encode()))
            self._database.write("INSERT OR REPLACE INTO digests VALUES (?, ?, ?, ?)", [row])
        return digest


def _signature(status: os.stat_result) -> str:
    # Rows of earlier releases, whose digests were others, begin with the size.
    return f"blake3 {status.st_size} {status.st_ino} {status.st_mtime_ns} {status.st_ctime_ns}"
