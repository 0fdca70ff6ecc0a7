"""What a cache holds, what may go, and whether it is whole."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from time import time

from pytest_vlm.cache.maps import map_file, read_map
from pytest_vlm.cache.payload import checksum
from pytest_vlm.cache.store import SECONDS_A_DAY, Cache, today
from pytest_vlm.errors import SettingsError

TABLES = ("answers", "scores", "maps")
PAGE = 2_000


@dataclass(frozen=True, kw_only=True)
class CacheStatistics:
    """What a cache holds.

    Attributes:
        bytes: on the disk, maps included.
        rows: table to number of rows.
        checkpoints: fingerprint to number of answers.
        unused_days: since the row that was not used for longest; None for an empty cache.
    """

    bytes: int
    rows: dict[str, int]
    checkpoints: dict[str, int]
    unused_days: int | None


@dataclass(frozen=True, kw_only=True)
class Pruned:
    """What was, or would be, deleted.

    Attributes:
        rows: table to number of rows.
        strays: files that no row needs: of damaged databases and of runs that were killed.
        bytes: of all of them.
    """

    rows: dict[str, int]
    strays: int
    bytes: int


def statistics(cache: Cache) -> CacheStatistics:
    """Count everything.

    Raises:
        SettingsError: it cannot be read.
    """
    read = cache.database.read
    oldest = [
        row[0] for table in TABLES for row in read(f"SELECT min(used) FROM {table}") if row[0]
    ]
    return CacheStatistics(
        bytes=size_on_disk(cache.folder),
        rows={table: _count(cache, table) for table in TABLES},
        checkpoints=dict(
            read("SELECT checkpoint, count(*) FROM answers GROUP BY checkpoint ORDER BY 2 DESC")
        ),
        unused_days=max(0, today() - min(oldest)) if oldest else None,
    )


def prune(
    cache: Cache, *, days: int | None = None, max_size: int | None = None, dry_run: bool = False
) -> Pruned:
    """Delete strays, what was not used for more than `days`, then what was not used for longest.

    What a run uses or writes meanwhile stays.

    Args:
        cache: to be made smaller.
        days: without use.
        max_size: bytes that may stay.
        dry_run: only say what would be deleted.

    Raises:
        SettingsError: it cannot be read.
    """
    rows = [row for table in TABLES for row in _rows(cache, table)]
    strays = find_strays(cache, {row.file for row in rows if row.file is not None})
    size = sum(_size(path) for path in strays)
    held = size_on_disk(cache.folder) - size
    doomed = []
    for row in sorted(rows, key=lambda row: row.used):
        too_old = days is not None and row.used < today() - days
        too_much = max_size is not None and held > max_size
        if not (too_old or too_much):
            break
        doomed.append(row)
        held, size = held - row.bytes, size + row.bytes
    if not dry_run:
        for path in strays:
            path.unlink(missing_ok=True)
        _delete(cache, doomed)
    counts = {table: sum(row.table == table for row in doomed) for table in TABLES}
    return Pruned(rows=counts, strays=len(strays), bytes=size)


def verify(cache: Cache, progress: Callable[[int, int], None]) -> dict[str, int]:
    """Read everything, drop what is damaged; table to the number of damaged rows.

    Args:
        cache: to be read.
        progress: told how many rows of how many were read.

    Raises:
        SettingsError: it cannot be read.
    """
    total = sum(_count(cache, table) for table in TABLES)
    done = 0
    damaged: dict[str, int] = {}
    for table in TABLES:
        columns = "key, checksum" if table == "maps" else "key, checksum, payload"
        last, bad = b"", []
        while rows := cache.database.read(
            f"SELECT {columns} FROM {table} WHERE key > ? ORDER BY key LIMIT {PAGE}", [last]
        ):
            for key, expected, *payload in rows:
                whole = (
                    checksum(key, payload[0]) == expected
                    if payload
                    else read_map(cache.maps, key.hex(), expected) is not None
                )
                if not whole:
                    bad.append((key, expected))
            last, done = rows[-1][0], done + len(rows)
            progress(done, total)
        cache.drop(table, bad)
        damaged[table] = len(bad)
    return damaged


def size_on_disk(folder: Path) -> int:
    """Bytes of every file in a folder."""
    return sum(_size(Path(root, name)) for root, _, names in os.walk(folder) for name in names)


def find_strays(cache: Cache, needed: Set[Path]) -> list[Path]:
    """Files that no row needs. Of a run that goes on there may be young ones: they stay."""
    young = time() - SECONDS_A_DAY
    damaged = [
        path.with_name(path.name + suffix)
        for path in cache.database.damaged_paths
        for suffix in ("", "-wal", "-shm")
    ]
    beside = [*cache.maps.glob("*/*"), *(cache.folder / "locks").glob("*")]
    return [path for path in damaged if path.exists()] + [
        path for path in beside if path not in needed and _written(path) < young
    ]


@dataclass(frozen=True, slots=True)
class _Row:
    table: str
    key: bytes
    bytes: int
    used: int
    file: Path | None


def _rows(cache: Cache, table: str) -> list[_Row]:
    _count(cache, table)
    if table == "maps":
        found = cache.database.read("SELECT key, bytes, used, checksum FROM maps")
        return [
            _Row(table, key, bytes, used, map_file(cache.maps, key.hex(), checksum))
            for key, bytes, used, checksum in found
        ]
    found = cache.database.read(f"SELECT key, length(payload) + 40, used FROM {table}")
    return [_Row(table, key, bytes, used, None) for key, bytes, used in found]


def _delete(cache: Cache, doomed: Sequence[_Row]) -> None:
    """Rows before their files, so that nobody finds a row without one."""
    for table in TABLES:
        rows = [(row.key, row.used) for row in doomed if row.table == table]
        cache.database.write(f"DELETE FROM {table} WHERE key = ? AND used = ?", rows)
    left = {row.file for row in _rows(cache, "maps")}
    for row in doomed:
        if row.file is not None and row.file not in left:
            row.file.unlink(missing_ok=True)
    cache.database.compact()


def _count(cache: Cache, table: str) -> int:
    counted = cache.database.read(f"SELECT count(*) FROM {table}")
    if not counted:
        raise SettingsError(f"the cache in {cache.folder} cannot be read; try again, or delete it")
    return int(counted[0][0])


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:  # another process deleted it meanwhile
        return 0


def _written(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return float("inf")
