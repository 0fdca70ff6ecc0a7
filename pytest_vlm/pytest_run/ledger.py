"""The ledger: which checkpoints were gated on which samples, over all runs of a machine.

Gating one checkpoint after the other on the same samples is adaptive reuse: sooner or later one
passes by luck. The ledger lets the report say how often it happened.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import astuple, dataclass, fields
from pathlib import Path

from filelock import FileLock

FILE = "ledger.sqlite"
BUSY_SECONDS = 30.0
DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
SCHEMA = """
CREATE TABLE IF NOT EXISTS attempts (
    "when" TEXT NOT NULL, dataset TEXT NOT NULL, samples INTEGER NOT NULL, baseline TEXT NOT NULL,
    candidate TEXT NOT NULL, candidate_name TEXT NOT NULL, verdict TEXT NOT NULL,
    PRIMARY KEY (dataset, baseline, candidate)
)
"""


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """One candidate that was gated on one dataset.

    Attributes:
        when: the first time, as ISO 8601 in UTC.
        dataset: digest of the samples, see `evaluation.dataset_digest`.
        samples: how many they are.
        baseline: fingerprint of its files.
        candidate: fingerprint of its files.
        candidate_name: what it was called, the last time.
        verdict: of the gate, the last time.
    """

    when: str
    dataset: str
    samples: int
    baseline: str
    candidate: str
    candidate_name: str
    verdict: str


NAMES = ", ".join(f'"{field.name}"' for field in fields(Attempt))
NOTE = f"""
INSERT INTO attempts ({NAMES}) VALUES ({", ".join("?" * len(fields(Attempt)))})
ON CONFLICT (dataset, baseline, candidate)
DO UPDATE SET candidate_name = excluded.candidate_name, verdict = excluded.verdict
"""
READ = f'SELECT {NAMES} FROM attempts WHERE dataset = ? ORDER BY "when", rowid'
IS_BEGUN = "SELECT name FROM sqlite_master WHERE name = 'attempts'"


class Ledger:
    """Attempts in one SQLite file, which several processes may share.

    Whatever is wrong with the file, no run ends because of it: `told` is told instead. A damaged
    file is renamed, and a new one begun.

    It is opened for a moment once or twice a run, so it keeps SQLite's usual journal: unlike a
    write-ahead log that works on every file system and can be read in a folder that cannot be
    written.

    Args:
        path: of the file; its folder is made when something is noted.
        told: is told a sentence.
    """

    def __init__(self, path: Path, told: Callable[[str], None]) -> None:
        self.path = path
        self._told = told

    def note(self, *attempts: Attempt) -> None:
        """Keep attempts; the same pair on the same samples counts once, with its last verdict."""

        def work() -> None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with _opened(self.path.resolve().as_uri()) as db:
                db.execute("BEGIN IMMEDIATE")
                db.execute(SCHEMA)
                db.executemany(NOTE, [astuple(attempt) for attempt in attempts])
                db.execute("COMMIT")

        self._try(work)

    def attempts(self, dataset: str) -> tuple[Attempt, ...]:
        """All that were made on these samples, the first one first; none where it is unreadable."""
        rows: list[tuple[object, ...]] = []

        def work() -> None:
            if self.path.exists():
                with _opened(f"{self.path.resolve().as_uri()}?mode=rw") as db:
                    if db.execute(IS_BEGUN).fetchall():
                        rows.extend(db.execute(READ, [dataset]).fetchall())

        self._try(work)
        names = [field.name for field in fields(Attempt)]
        return tuple(Attempt(**dict(zip(names, row, strict=True))) for row in rows)  # type: ignore[arg-type]

    def _try(self, work: Callable[[], None]) -> None:
        try:
            try:
                work()
            except sqlite3.DatabaseError as error:
                if not _is_damage(error):
                    raise
                self._set_aside(error)
                work()
        except (sqlite3.Error, OSError, UnicodeError) as error:
            self._told(
                f"the ledger of attempts, {self.path}, cannot be used ({error}); "
                "how often these samples were gated on is not known"
            )

    def _set_aside(self, reason: Exception) -> None:
        """Rename a damaged file, unless another process did so already and began a new one."""
        with FileLock(self.path.with_suffix(".lock"), timeout=BUSY_SECONDS):
            try:
                with _opened(f"{self.path.resolve().as_uri()}?mode=rw") as db:
                    [(found,)] = db.execute("PRAGMA quick_check(1)").fetchall()
                if found == "ok":
                    return
            except sqlite3.DatabaseError as error:
                if not _is_damage(error):
                    return
            number = 1
            while (aside := self._aside(number)).exists():
                number += 1
            self.path.rename(aside)
        self._told(
            f"the ledger of attempts was damaged ({reason}); it was put aside as {aside} "
            "and counting begins anew"
        )

    def _aside(self, number: int) -> Path:
        return self.path.with_name(f"{self.path.stem}-damaged-{number}{self.path.suffix}")


def _opened(uri: str) -> closing[sqlite3.Connection]:
    return closing(sqlite3.connect(uri, uri=True, timeout=BUSY_SECONDS, isolation_level=None))


def _is_damage(error: Exception) -> bool:
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF in DAMAGED
