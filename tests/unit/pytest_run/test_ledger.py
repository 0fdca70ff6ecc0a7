"""The ledger: what it counts, processes at once, and files that cannot be read or written."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import tempfile
from dataclasses import replace
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest
from at_once import at_once

from pytest_vlm.evaluation.dataset_digest import dataset_digest
from pytest_vlm.evaluation.samples import Sample
from pytest_vlm.pytest_run.ledger import Attempt, Ledger

FIRST = Attempt(
    when="2026-10-02T08:00:00+00:00",
    dataset="d",
    samples=2000,
    baseline="a",
    candidate="b",
    candidate_name="B",
    verdict="HOLD",
)


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def ledger(tmp_path, told) -> Ledger:
    return Ledger(tmp_path / "cache" / "ledger.sqlite", told.append)


def test_attempts_come_back_in_order_and_by_dataset(ledger, told):
    assert ledger.attempts("d") == () and not ledger.path.parent.exists()
    later = replace(FIRST, when="2026-10-09T08:00:00+00:00", candidate="c", verdict="SHIP")
    ledger.note(later, replace(FIRST, dataset="other"))
    ledger.note(FIRST)
    assert ledger.attempts("d") == (FIRST, later)
    assert ledger.attempts("none") == () and told == []


def test_the_same_pair_counts_once_with_its_last_verdict(ledger):
    again = replace(FIRST, when="2026-11-01T08:00:00+00:00", candidate_name="B2", verdict="SHIP")
    ledger.note(FIRST)
    ledger.note(again)
    assert ledger.attempts("d") == (replace(again, when=FIRST.when),)
    ledger.note(replace(FIRST, baseline="other"))
    assert len(ledger.attempts("d")) == 2


def note_many(path: Path, number: int, together: Barrier) -> None:
    ledger = Ledger(path, sys.exit)
    together.wait()
    for attempt in range(10):
        ledger.note(replace(FIRST, candidate=f"{number}-{attempt}"))
        ledger.attempts("d")


def test_processes_at_once_lose_nothing(ledger):
    assert at_once(note_many, ledger.path, 4) == [0] * 4
    assert len(ledger.attempts("d")) == 40


def damage(path: Path) -> None:
    with path.open("r+b") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(0)
        file.write(b"\xff" * size)


@pytest.mark.parametrize("first", ["note", "attempts"])
def test_a_damaged_file_is_put_aside_and_said(ledger, told, first):
    ledger.note(FIRST)
    damage(ledger.path)
    if first == "note":
        ledger.note(replace(FIRST, candidate="c"))
    assert len(ledger.attempts("d")) == (first == "note")
    aside = ledger.path.with_name("ledger-damaged-1.sqlite")
    assert aside.exists() and len(told) == 1
    assert "was damaged" in told[0] and str(aside) in told[0]
    ledger.note(FIRST)
    damage(ledger.path)
    ledger.attempts("d")
    assert ledger.path.with_name("ledger-damaged-2.sqlite").exists()


def test_a_journal_of_a_damaged_file_never_reaches_the_new_one(ledger, told):
    ledger.note(FIRST)
    damage(ledger.path)
    journal = Path(f"{ledger.path}-journal")
    journal.write_bytes(b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7" + b"\x00" * 4088)
    ledger.note(FIRST)
    assert ledger.attempts("d") == (FIRST,)
    assert not journal.exists()
    assert len(told) == 1


def test_what_another_process_put_aside_stays_with_its_new_file(ledger, told):
    """It saw the damage, but comes late: the file is a new one already."""
    ledger.note(FIRST)
    ledger._set_aside(sqlite3.DatabaseError("damaged"))
    assert ledger.attempts("d") == (FIRST,) and told == []


def test_an_empty_file_is_an_empty_ledger(ledger, told):
    ledger.path.parent.mkdir()
    ledger.path.touch()
    assert ledger.attempts("d") == () and told == []
    ledger.note(FIRST)
    assert ledger.attempts("d") == (FIRST,)


@pytest.mark.parametrize("place", ["a file is in the way", "no database"])
def test_a_place_that_cannot_be_written_is_said_and_nothing_else(tmp_path, told, place):
    path = tmp_path / "folder" / "ledger.sqlite"
    if place == "no database":
        path.mkdir(parents=True)
    else:
        path.parent.write_text("no folder")
    ledger = Ledger(path, told.append)
    ledger.note(FIRST)
    assert ledger.attempts("d") == ()
    assert told and all("cannot be used" in words and str(path) in words for words in told)


READER = """
import os, sys
from pathlib import Path
from pytest_vlm.pytest_run.ledger import Ledger
if os.geteuid() == 0:
    os.setuid(65534)
print(len(Ledger(Path(sys.argv[1]), print).attempts("d")))
Ledger(Path(sys.argv[1]), print).note(*Ledger(Path(sys.argv[1]), print).attempts("d"))
"""


def test_a_folder_that_may_only_be_read_is_read():
    with tempfile.TemporaryDirectory() as name:  # `tmp_path` is closed to everybody else
        Path(name).chmod(0o755)
        path = Path(name) / "cache" / "ledger.sqlite"
        Ledger(path, sys.exit).note(FIRST)
        path.chmod(0o444)
        path.parent.chmod(0o555)
        command = [sys.executable, "-c", READER, str(path)]
        done = subprocess.run(command, capture_output=True, text=True)
        path.parent.chmod(0o755)
    assert done.returncode == 0, done.stderr
    found, told = done.stdout.splitlines()
    assert found == "1" and "cannot be used (attempt to write a readonly database)" in told


def test_a_full_disk_is_said_and_what_was_noted_stays(ledger, told):
    """A limit on the size of files ends like a full disk."""
    ledger.note(FIRST)
    size = ledger.path.stat().st_size
    script = f"""
import resource, signal
from dataclasses import replace
from pathlib import Path
from pytest_vlm.pytest_run.ledger import Attempt, Ledger
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, ({size}, {size}))
first = {FIRST!r}
Ledger(Path({str(ledger.path)!r}), print).note(
    *(replace(first, candidate="c" * 200 + str(i)) for i in range(200))
)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "cannot be used" in done.stdout
    assert ledger.attempts("d") == (FIRST,) and told == []


def test_a_process_that_is_killed_leaves_the_ledger_whole(ledger, told):
    ledger.note(FIRST)
    script = f"""
import os, sqlite3
db = sqlite3.connect({str(ledger.path)!r}, isolation_level=None)
db.execute("PRAGMA cache_size = 1")
db.execute("BEGIN IMMEDIATE")
db.execute("UPDATE attempts SET verdict = 'wrong'")
db.executemany("INSERT INTO attempts VALUES ('w','d',1,'a',?,'n','v')",
               [(str(i) * 500,) for i in range(100)])
os.kill(os.getpid(), 9)
"""
    subprocess.run([sys.executable, "-c", script])
    assert Path(f"{ledger.path}-journal").exists()
    assert ledger.attempts("d") == (FIRST,) and told == []


def test_a_name_that_is_no_unicode_ends_no_run(ledger, told):
    ledger.note(replace(FIRST, candidate_name="\udcff"))
    assert "cannot be used" in told[0]


def sample(id: str, **fields: object) -> Sample:
    return Sample.ask(**{"id": id, "image": b"picture", "query": f"{id}?", **fields})  # type: ignore[arg-type]


def test_a_dataset_is_what_is_asked_in_any_order():
    one, two = sample("1"), sample("2")
    digest = dataset_digest([one, two])
    assert digest == dataset_digest([two, one]) and len(digest) == 32
    assert digest == dataset_digest([sample("1", targets=("other",)), two]), "a label mended"
    assert digest != dataset_digest([one])
    assert digest != dataset_digest([one, sample("2", image=b"another")])
    assert digest != dataset_digest([one, sample("2", query="another?")])


def test_a_picture_that_cannot_be_read_does_not_make_every_run_another_dataset(tmp_path):
    def gone() -> list[Sample]:
        return [sample("1"), sample("2", image=tmp_path / "gone.png")]

    assert dataset_digest(gone()) == dataset_digest(gone())
