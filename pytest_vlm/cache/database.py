"""One SQLite file for several processes and threads, which damage or a full disk cannot stop."""

from __future__ import annotations

import os
import re
import sqlite3
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from threading import RLock
from typing import Any, TypeVar
from weakref import WeakMethod

T = TypeVar("T")

VERSION = 1
BUSY_SECONDS, STILL_BUSY_SECONDS = 30.0, 1.0
PAGES_AT_ONCE = 2_000
PAGES_IN_WAL = 4_000  # keys are scattered: the same pages are written again and again
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
CREATE TABLE IF NOT EXISTS digests (
    path BLOB PRIMARY KEY, signature TEXT NOT NULL, digest TEXT NOT NULL, checksum INTEGER NOT NULL
) WITHOUT ROWID;
"""


class Database:
    """Opened at the first use; what it cannot do it says once, and then goes on without.

    A damaged file is never renamed or deleted here, because other processes may have it open: the
    next one is begun beside it, under the next number. The highest number is the one in use.

    Args:
        first: path of the first file; folders are made.
        told: is told what could not be kept, or was damaged.
    """

    def __init__(self, first: Path, told: Callable[[str], None]) -> None:
        self._first = first
        self._told = told
        self._lock = RLock()
        self._opened: sqlite3.Connection | None = None
        self._number = 1
        self._patience = BUSY_SECONDS
        self._complaints: set[str] = set()
        if hasattr(os, "register_at_fork"):  # SQLite forbids to carry a connection across a fork
            release = _weakly(self._lock_released)
            os.register_at_fork(
                before=_weakly(self._lock_closed), after_in_parent=release, after_in_child=release
            )

    @property
    def path(self) -> Path:
        """Of the file in use."""
        return self._numbered(max(self._numbers()))

    @property
    def damaged_paths(self) -> list[Path]:
        """Files that are not used any more."""
        older = [self._numbered(number) for number in sorted(self._numbers())[:-1]]
        return [path for path in older if path.exists()]

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

        return not rows or self._try(work, otherwise=False)

    def compact(self) -> None:
        """Give back the space of what was deleted; little by little, so that others can write."""

        def free() -> int:
            return int((self.read("PRAGMA freelist_count") or [(0,)])[0][0])

        while left := free():
            self.read(f"PRAGMA incremental_vacuum({PAGES_AT_ONCE})")
            if free() >= left:
                break
        self.read("PRAGMA wal_checkpoint(TRUNCATE)")

    def check(self) -> None:
        """Have SQLite look at all of the file; a damaged one is left for the next one."""

        def work(db: sqlite3.Connection) -> None:
            [(found,)] = db.execute("PRAGMA quick_check(1)").fetchall()
            if found != "ok":
                error = sqlite3.DatabaseError(found)
                error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
                raise error

        self._try(work, None)

    def complain(self, error: Exception) -> None:
        """Say what cannot be done; the same is said once."""
        reason = str(getattr(error, "strerror", None) or error)
        if reason not in self._complaints:
            self._complaints.add(reason)
            self._told(
                f"the cache in {self._first.parent} cannot be used ({reason}); "
                "what it could not keep is forgotten with this run"
            )

    def close(self) -> None:
        """Close the connection; the next call opens it again."""
        with self._lock:
            if self._opened is not None:
                self._opened.close()
            self._opened = None

    def _try(self, work: Callable[[sqlite3.Connection], T], otherwise: T) -> T:
        with self._lock:
            try:
                try:
                    return work(self._connection())
                except sqlite3.DatabaseError as error:
                    if _code(error) not in DAMAGED:
                        raise
                    self._begin_anew(error)
                    return work(self._connection())
            except (sqlite3.Error, OSError, UnicodeError) as error:
                if _code(error) == sqlite3.SQLITE_BUSY:  # not so long again for every batch
                    self._patience = STILL_BUSY_SECONDS
                    self.close()
                self.complain(error)
                return otherwise
            finally:  # also where the user interrupts: others wait for the lock
                if self._opened is not None and self._opened.in_transaction:
                    self.close()

    def _begin_anew(self, reason: Exception) -> None:
        """Leave a damaged file for the next one, unless another process began that already."""
        self.close()
        if max(self._numbers()) > self._number:
            return
        try:
            self._numbered(self._number + 1).touch(exist_ok=False)
        except FileExistsError:
            return
        damaged = self._numbered(self._number)
        self._told(f"the cache was damaged ({reason}); {damaged} was put aside for a new one")

    def _connection(self) -> sqlite3.Connection:
        if self._opened is None:
            self._number = max(self._numbers())
            path = self._numbered(self._number)
            if path.exists() and not (os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)):
                uri = f"{path.resolve().as_uri()}?immutable=1"  # WAL would write beside it
                self._opened = sqlite3.connect(
                    uri, uri=True, isolation_level=None, check_same_thread=False
                )
            else:
                self._opened = self._open(path)
        return self._opened

    def _open(self, path: Path) -> sqlite3.Connection:
        path.parent.mkdir(parents=True, exist_ok=True)
        end = time.monotonic() + self._patience
        while True:
            db = sqlite3.connect(
                path, timeout=self._patience, isolation_level=None, check_same_thread=False
            )
            try:
                if not db.execute("SELECT name FROM sqlite_master").fetchall():
                    db.execute("PRAGMA auto_vacuum = INCREMENTAL")
                    db.execute("PRAGMA journal_mode = WAL")
                db.execute("PRAGMA synchronous = NORMAL")
                db.execute(f"PRAGMA wal_autocheckpoint = {PAGES_IN_WAL}")
                db.executescript(SCHEMA)
                return db
            except sqlite3.Error as error:
                db.close()
                if getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_IOERR_SHMMAP:
                    self._leave_wal(path)
                # SQLite does not wait by itself where two processes turn WAL on at once.
                elif _code(error) != sqlite3.SQLITE_BUSY or time.monotonic() > end:
                    raise
                time.sleep(0.01)

    def _leave_wal(self, path: Path) -> None:
        """Where the file system cannot share memory; a journal that stays then is the usual one."""
        db = sqlite3.connect(path, timeout=self._patience, isolation_level=None)
        try:
            db.execute("PRAGMA locking_mode = EXCLUSIVE")  # needs no shared memory
            db.execute("PRAGMA journal_mode = DELETE")
            db.executescript(SCHEMA)
        finally:
            db.close()

    def _numbers(self) -> list[int]:
        pattern = re.compile(rf"{re.escape(self._first.stem)}-(\d+){self._first.suffix}")
        try:
            names = [path.name for path in self._first.parent.iterdir()]
        except OSError:
            names = []
        return [1, *(int(found[1]) for name in names if (found := pattern.fullmatch(name)))]

    def _numbered(self, number: int) -> Path:
        stem, suffix = self._first.stem, self._first.suffix
        return self._first if number == 1 else self._first.with_name(f"{stem}-{number}{suffix}")

    def _lock_closed(self) -> None:
        self._lock.acquire()
        self.close()

    def _lock_released(self) -> None:
        self._lock.release()


def _code(error: Exception) -> int:
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF


def _weakly(method: Callable[[], None]) -> Callable[[], None]:
    """A call of a method that does not keep its object alive."""
    known = WeakMethod(method)

    def call() -> None:
        if (found := known()) is not None:
            found()

    return call
