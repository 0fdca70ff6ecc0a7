"""The store that outlives a run."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import time
from typing import Any

from filelock import FileLock, Timeout

from pytest_vlm.cache.database import VERSION, Database
from pytest_vlm.cache.maps import read_map, write_map
from pytest_vlm.cache.payload import (
    checksum,
    dump_prediction,
    dump_score,
    load_prediction,
    load_score,
)
from pytest_vlm.evaluation.predictions import Prediction
from pytest_vlm.evaluation.stores import MemoryStore
from pytest_vlm.heatmap.heatmap import Heatmap
from pytest_vlm.scores.score import ScoreValue

SECONDS_A_DAY = 86_400
AT_ONCE = 500
PATIENCE_SECONDS = 2.0


def today() -> int:
    """Days since 1970: as exactly as the last use of a row is known."""
    return int(time() // SECONDS_A_DAY)


class Cache:
    """Answers, maps and scores by key, in one folder that several processes may share.

    What cannot be written is kept in memory, and `told` is told why. A damaged row or file is
    dropped, so that it is computed again, and `told` as well.

    Args:
        folder: made when something is kept.
        told: is told a sentence.
    """

    def __init__(self, folder: Path, *, told: Callable[[str], None]) -> None:
        self.folder = folder
        self.database = Database(folder / f"cache-v{VERSION}.sqlite", told)
        self._told = told
        self._memory = MemoryStore()
        self._touched: dict[str, set[bytes]] = {"answers": set(), "scores": set(), "maps": set()}

    def predictions(self, keys: Sequence[tuple[str, str]]) -> list[Prediction | None]:
        """For each (key, sample id) the answer, under that id."""
        found = self._payloads("answers", [key for key, _ in keys])
        read = [load_prediction(found[key], id) if key in found else None for key, id in keys]
        self._drop_unreadable(
            "answers", found, {k for (k, _), one in zip(keys, read, strict=True) if one is None}
        )
        kept = self._memory.predictions(keys)
        return [one or in_memory for one, in_memory in zip(read, kept, strict=True)]

    def store_predictions(
        self, items: Sequence[tuple[str, Prediction]], *, checkpoint: str
    ) -> None:
        """Keep answers of one checkpoint (its fingerprint)."""
        rows = [(key, dump_prediction(prediction)) for key, prediction in items]
        if not self._store("answers", rows, checkpoint):
            self._memory.store_predictions(items, checkpoint=checkpoint)

    def scores(self, keys: Sequence[str]) -> list[ScoreValue | None]:
        """What scores said."""
        found = self._payloads("scores", keys)
        read = [load_score(found[key]) if key in found else None for key in keys]
        self._drop_unreadable(
            "scores", found, {k for k, one in zip(keys, read, strict=True) if one is None}
        )
        kept = self._memory.scores(keys)
        return [one or in_memory for one, in_memory in zip(read, kept, strict=True)]

    def store_scores(self, items: Sequence[tuple[str, ScoreValue]], *, score: str) -> None:
        """Keep what a score said."""
        if not self._store("scores", [(key, dump_score(value)) for key, value in items], score):
            self._memory.store_scores(items, score=score)

    def heatmaps(self, keys: Sequence[str]) -> list[Heatmap | None]:
        """Maps, without their sample."""
        rows = [(key, expected) for key, _, expected in self._rows("maps", "checksum", keys)]
        read = {key.hex(): read_map(self.maps, key.hex(), expected) for key, expected in rows}
        self.drop("maps", [row for row in rows if read[row[0].hex()] is None])
        kept = self._memory.heatmaps(keys)
        return [read.get(key) or in_memory for key, in_memory in zip(keys, kept, strict=True)]

    def store_heatmaps(self, items: Sequence[tuple[str, Heatmap]], *, checkpoint: str) -> None:
        """Keep maps of one checkpoint."""
        day = today()
        try:
            rows = [
                (bytes.fromhex(key), *write_map(self.maps, key, heatmap), checkpoint, day)
                for key, heatmap in items
            ]
            statement = "INSERT OR REPLACE INTO maps VALUES (?, ?, ?, ?, ?)"
            written = self.database.write(statement, rows)
        except OSError as error:
            self.database.complain(error)
            written = False
        if not written:
            self._memory.store_heatmaps(items, checkpoint=checkpoint)

    @contextmanager
    def lock(self, name: str) -> Iterator[None]:
        """Held by one process at a time; a process that ends, however it ends, lets go of it."""
        digest = hashlib.blake2b(name.encode(), digest_size=16).hexdigest()
        path = self.folder / "locks" / f"{digest}.lock"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            held = FileLock(path)
            try:
                held.acquire(timeout=PATIENCE_SECONDS)
            except Timeout:
                self._told("waited for another process that asked the same checkpoint")
                held.acquire()
        except (OSError, NotImplementedError):
            held = None  # two processes may compute the same then, which is only slow
        try:
            yield
        finally:
            if held is not None:
                held.release()

    def close(self) -> None:
        """Note what was used, and close the file."""
        for table, keys in self._touched.items():
            if keys:
                rows = [(today(), key) for key in keys]
                self.database.write(f"UPDATE {table} SET used = ? WHERE key = ?", rows)
                keys.clear()
        self.database.close()

    @property
    def maps(self) -> Path:
        """The folder of the maps' files."""
        return self.folder / f"maps-v{VERSION}"

    def _store(self, table: str, rows: Sequence[tuple[str, bytes]], whose: str) -> bool:
        day = today()
        keyed = ((bytes.fromhex(key), payload) for key, payload in rows)
        return self.database.write(
            f"INSERT OR REPLACE INTO {table} VALUES (?, ?, ?, ?, ?)",
            [(key, payload, checksum(key, payload), whose, day) for key, payload in keyed],
        )

    def _payloads(self, table: str, keys: Sequence[str]) -> dict[str, bytes]:
        """Payloads by key; damaged ones are dropped."""
        found, damaged = {}, []
        for key, _, expected, payload in self._rows(table, "checksum, payload", keys):
            if checksum(key, payload) == expected:
                found[key.hex()] = payload
            else:
                damaged.append((key, expected))
        self.drop(table, damaged)
        return found

    def _rows(self, table: str, columns: str, keys: Sequence[str]) -> list[tuple[Any, ...]]:
        """Key, day of the last use and columns of those that are there; their use is noted."""
        rows: list[tuple[Any, ...]] = []
        day = today()
        wanted = sorted(map(bytes.fromhex, keys))  # as they lie in the file: each page is read once
        for start in range(0, len(wanted), AT_ONCE):
            some = wanted[start : start + AT_ONCE]
            marks = ",".join("?" * len(some))
            query = f"SELECT key, used, {columns} FROM {table} WHERE key IN ({marks})"
            rows += self.database.read(query, some)
        self._touched[table].update(key for key, used, *_ in rows if used != day)
        return rows

    def drop(self, table: str, rows: Sequence[tuple[bytes, int]]) -> None:
        """Forget damaged rows (key, checksum), unless they were written anew; and say so."""
        if rows:
            self.database.write(f"DELETE FROM {table} WHERE key = ? AND checksum = ?", rows)
            self._told(f"{len(rows)} damaged {table} were dropped from the cache, and asked again")

    def _drop_unreadable(self, table: str, found: dict[str, bytes], missing: set[str]) -> None:
        """Drop what is whole, but not as this version writes it."""
        unreadable = [(bytes.fromhex(key), found[key]) for key in missing if key in found]
        self.drop(table, [(key, checksum(key, payload)) for key, payload in unreadable])
