"""What a cache holds, what may go, and whether it is whole."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pytest_vlm.cache.maps import map_file, read_map
from pytest_vlm.cache.payload import checksum
from pytest_vlm.cache.store import Cache, today

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
    """What was, or would be, deleted: table to number of rows, and bytes."""

    rows: dict[str, int]
    bytes: int


def statistics(cache: Cache) -> CacheStatistics:
    """Count everything."""
    read = cache.database.read
    oldest = [
        row[0] for table in TABLES for row in read(f"SELECT min(used) FROM {table}") if row[0]
    ]
    return CacheStatistics(
        bytes=size_on_disk(cache.folder),
        rows={table: read(f"SELECT count(*) FROM {table}")[0][0] for table in TABLES},
        checkpoints=dict(
            read("SELECT checkpoint, count(*) FROM answers GROUP BY checkpoint ORDER BY 2 DESC")
        ),
        unused_days=today() - min(oldest) if oldest else None,
    )


def prune(
    cache: Cache, *, days: int | None = None, max_size: int | None = None, dry_run: bool = False
) -> Pruned:
    """Delete what was not used for more than `days`, then what was not used for longest.

    Args:
        cache: to be made smaller.
        days: without use.
        max_size: bytes that may stay.
        dry_run: only say what would be deleted.
    """
    before = today() + 1 if days is None else today() - days
    doomed = {t: [] if days is None else _unused_before(cache, t, before) for t in TABLES}
    size = sum(row[1] for rows in doomed.values() for row in rows)
    if max_size is not None:
        held = size_on_disk(cache.folder) - size
        known = {key for rows in doomed.values() for key, _ in rows}
        for table, key, bytes, _ in _oldest_first(cache):
            if held <= max_size:
                break
            if key not in known:
                doomed[table].append((key, bytes))
                held, size = held - bytes, size + bytes
    if not dry_run:
        for key, _ in doomed["maps"]:
            map_file(cache.maps, key.hex()).unlink(missing_ok=True)
        for table, rows in doomed.items():
            if rows:
                keys = [(key,) for key, _ in rows]
                cache.database.write(f"DELETE FROM {table} WHERE key = ?", keys)
        cache.database.compact()
    return Pruned(rows={table: len(rows) for table, rows in doomed.items()}, bytes=size)


def verify(cache: Cache, progress: Callable[[int, int], None]) -> dict[str, int]:
    """Read everything, drop what is damaged; table to the number of damaged rows.

    Args:
        cache: to be read.
        progress: told how many rows of how many were read.
    """
    total = sum(cache.database.read(f"SELECT count(*) FROM {table}")[0][0] for table in TABLES)
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
                    else read_map(map_file(cache.maps, key.hex()), expected) is not None
                )
                if not whole:
                    bad.append(key)
            last, done = rows[-1][0], done + len(rows)
            progress(done, total)
        cache.drop(table, bad)
        damaged[table] = len(bad)
    return damaged


def size_on_disk(folder: Path) -> int:
    """Bytes of every file in a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _unused_before(cache: Cache, table: str, day: int) -> list[tuple[bytes, int]]:
    size = "bytes" if table == "maps" else "length(payload) + 40"
    found = cache.database.read(f"SELECT key, {size} FROM {table} WHERE used < ?", [day])
    return [(key, bytes) for key, bytes in found]


def _oldest_first(cache: Cache) -> list[tuple[str, bytes, int, int]]:
    found = [
        (table, key, size, used)
        for table in TABLES
        for key, size, used in cache.database.read(
            f"SELECT key, {'bytes' if table == 'maps' else 'length(payload) + 40'}, used "
            f"FROM {table}"
        )
    ]
    return sorted(found, key=lambda row: row[3])
