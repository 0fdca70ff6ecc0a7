"""One SQLite file for several processes and threads, which damage or a full disk cannot stop."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from threading import RLock
from typing import Any, TypeVar

from filelock import FileLock

T = TypeVar("T")

VERSION = 1
BUSY_SECONDS = 30.0
DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
SCHEMA = """
CREATE TABLE IF NOT EXISTS answers (
    key BLOB PRIMARY KEY, payload BLOB NOT NULL, checksum INTEGER NOT NULL,
    checkpoint TEXT NOT NULL, used INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS scores (
    key BLOB PRIMARY KEY, payload BLOB NOT NULL, checksum INTEGER NOT NULL,
    score TEXT NOT NULL, used INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS maps (
    key BLOB PRIMARY KEY, bytes INTEGER NOT NULL, checksum INTEGER NOT NULL,
    checkpoint TEXT NOT NULL, used INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS files (
    path TEXT PRIMARY KEY, signature TEXT NOT NULL, digest TEXT NOT NULL
) WITHOUT ROWID;
"""


class Database:
    """Opened at the first use; what it cannot do it says once, and then goes on without.

    Args:
        path: of the file; folders are made.
        told: is told what could not be kept, or was damaged.
    """

    def __init__(self, path: Path, told: Callable[[str], None]) -> None:
        self.path = path
        self._told = told
        self._lock = RLock()
        self._opened: sqlite3.Connection | None = None
        self._owner = 0
        self._inode = 0
        self._complaints: set[str] = set()

    def read(self, query: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Every row; none where the database cannot be read."""
        rows: list[tuple[Any, ...]] = []
        return self._try(lambda db: db.execute(query, parameters).fetchall(), rows)

    def write(self, statement: str, rows: Iterable[Sequence[object]]) -> bool:
        """Run a statement for every row in one transaction; False where nothing was written."""
        rows = list(rows)

        def work(db: sqlite3.Connection) -> bool:
            db.execute("BEGIN IMMEDIATE")
            db.executemany(statement, rows)
            db.execute("COMMIT")
            return True

        return self._try(work, otherwise=False)

    def compact(self) -> None:
        """Give back the space of what was deleted."""
        self._try(lambda db: db.execute("VACUUM") and db.execute("PRAGMA wal_checkpoint"), None)

    def damage(self) -> str:
        """What SQLite itself finds wrong with the file; empty where nothing is."""
        found = self.read("PRAGMA quick_check(1)")
        return "" if not found or found[0][0] == "ok" else str(found[0][0])

    def close(self) -> None:
        """Close the connection; the next call opens it again."""
        with self._lock:
            if self._opened is not None and self._owner == os.getpid():
                self._opened.close()
            self._opened = None

    def _try(self, work: Callable[[sqlite3.Connection], T], otherwise: T) -> T:
        with self._lock:
            for attempt in (1, 2):
                try:
                    return work(self._connection())
                except (sqlite3.DatabaseError, OSError) as error:
                    if self._opened is not None and self._opened.in_transaction:
                        self._roll_back(self._opened)
                    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
                    if attempt == 1 and code in DAMAGED:
                        self._put_aside(error)
                    else:
                        self._complain(error)
                        break
        return otherwise

    def _connection(self) -> sqlite3.Connection:
        if self._opened is None or self._owner != os.getpid():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            db = sqlite3.connect(
                self.path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
            self._opened, self._owner = db, os.getpid()
            db.execute("PRAGMA journal_mode = WAL")  # stays as it was where WAL is not possible
            db.execute("PRAGMA synchronous = NORMAL")
            db.executescript(SCHEMA)
            self._inode = self.path.stat().st_ino
        return self._opened

    def _roll_back(self, db: sqlite3.Connection) -> None:
        try:
            db.execute("ROLLBACK")
        except sqlite3.Error:
            self.close()

    def _put_aside(self, error: Exception) -> None:
        """Rename a damaged file, unless another process did so; the next use begins a new one."""
        self.close()
        with FileLock(self.path.with_suffix(".lock")):
            if self._inode in (0, self.path.stat().st_ino):
                number = 1
                while (aside := self.path.with_suffix(f".damaged-{number}")).exists():
                    number += 1
                self.path.rename(aside)
                for suffix in ("-wal", "-shm"):
                    self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)
                self._told(f"the cache was damaged ({error}); it was put aside as {aside}")
        self._inode = 0

    def _complain(self, error: Exception) -> None:
        reason = str(error)
        if reason not in self._complaints:
            self._complaints.add(reason)
            self._told(f"the cache in {self.path.parent} cannot be used ({reason})")
