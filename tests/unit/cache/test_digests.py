"""A digest is remembered only where a change would show."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pytest_vlm.cache import digests
from pytest_vlm.cache.database import Database
from pytest_vlm.cache.digests import FileDigests
from pytest_vlm.cache.payload import checksum


class Counting:
    def __init__(self) -> None:
        self.computed = 0

    def __call__(self, path: Path) -> str:
        self.computed += 1
        return path.read_bytes().hex()


@pytest.fixture
def compute() -> Counting:
    return Counting()


@pytest.fixture
def remembered(tmp_path, compute, monkeypatch) -> FileDigests:
    monkeypatch.setattr(digests, "LARGE", 4)
    return FileDigests(Database(tmp_path / "cache.sqlite", lambda what: None), compute)


@pytest.fixture
def settled(tmp_path, monkeypatch) -> Path:
    """A file that was written long before it is looked at."""
    path = tmp_path / "weights"
    path.write_bytes(b"old weights")
    late = path.stat().st_ctime_ns + 10 * digests.SETTLED_NANOSECONDS
    monkeypatch.setattr(digests, "time_ns", lambda: late)
    return path


def test_a_digest_is_computed_once(remembered, settled, compute):
    assert remembered.of(settled) == remembered.of(settled) == b"old weights".hex()
    assert compute.computed == 1


def test_new_content_with_the_old_times_is_another_digest(remembered, settled):
    old = settled.stat()
    remembered.of(settled)
    settled.write_bytes(b"new weights")
    os.utime(settled, ns=(old.st_atime_ns, old.st_mtime_ns))
    assert remembered.of(settled) == b"new weights".hex()


def test_another_file_at_the_same_path_is_another_digest(remembered, settled, tmp_path):
    remembered.of(settled)
    (tmp_path / "other").write_bytes(b"OLD WEIGHTS")
    (tmp_path / "other").replace(settled)
    assert remembered.of(settled) == b"OLD WEIGHTS".hex()


def test_a_file_that_was_just_written_is_not_remembered(remembered, tmp_path, compute):
    path = tmp_path / "fresh"
    path.write_bytes(b"fresh weights")
    remembered.of(path)
    remembered.of(path)
    assert compute.computed == 2


def test_small_files_are_not_worth_it(remembered, settled, compute):
    settled.write_bytes(b"abc")
    remembered.of(settled)
    remembered.of(settled)
    assert compute.computed == 2


def test_a_name_that_is_no_text(remembered, settled, compute):
    strange = settled.rename(Path(os.fsdecode(os.fsencode(settled) + b"\xff")))
    assert remembered.of(strange) == remembered.of(strange) == b"old weights".hex()


def test_a_damaged_digest_is_computed_again(remembered, settled):
    digest = remembered.of(settled)
    remembered._database.write("UPDATE digests SET digest = ?", [("0",)])
    assert remembered.of(settled) == digest


def test_a_digest_of_an_earlier_release_is_not_taken(remembered, settled):
    digest = remembered.of(settled)
    status = settled.stat()
    signature = f"{status.st_size} {status.st_ino} {status.st_mtime_ns} {status.st_ctime_ns}"
    row = (signature, "old", checksum(os.fsencode(settled.resolve()), b"old"))
    remembered._database.write("UPDATE digests SET signature = ?, digest = ?, checksum = ?", [row])
    assert remembered.of(settled) == digest
