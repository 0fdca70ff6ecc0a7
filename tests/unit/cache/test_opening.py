"""A large file is read with a bar; a small one, and one that is known, without."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pytest_vlm.cache import opening
from pytest_vlm.cache.opening import open_kept
from pytest_vlm.checkpoint.fingerprint import file_digest
from pytest_vlm.settings import Settings


@pytest.mark.parametrize("no_cache", [True, False])
def test_how_far_the_reading_of_a_large_file_is(tmp_path, monkeypatch, no_cache):
    monkeypatch.setattr(opening, "LONG", 20 * 2**20)  # a quarter of a gigabyte takes a while
    told: list[tuple[str, int, int]] = []
    small, large = tmp_path / "small", tmp_path / "model.safetensors"
    small.write_bytes(b"x")
    large.write_bytes(bytes(33 * 2**20))
    os.utime(large, (1, 1))
    settings = Settings(cache_dir=tmp_path / "cache", no_cache=no_cache)

    def progress(
        what: str, done: int, total: int, memory: int | None = None, unit: str = "samples"
    ) -> None:
        assert unit == "MiB"
        told.append((what, done, total))

    kept = open_kept(settings, print, progress)
    assert kept.digest(small) == file_digest(small)
    assert told == []
    assert kept.digest(large) == file_digest(large)
    assert {(what, total) for what, _, total in told} == {("reading model.safetensors", 33)}
    done = [done for _, done, _ in told]
    assert done == sorted(set(done))
    assert (done[0], done[-1]) == (0, 33)
    assert len(done) > 5
    kept.store.close()


def test_a_bar_ends_where_the_file_cannot_be_read(tmp_path, monkeypatch):
    monkeypatch.setattr(opening, "LONG", 0)
    told: list[int] = []
    path = tmp_path / "folder"
    path.mkdir()
    with pytest.raises(OSError):
        opening.digest_with_progress(
            lambda what, done, total, memory=None, unit="samples": told.append(done), path
        )
    assert told == [0, 0]
    assert Path.exists(path)
