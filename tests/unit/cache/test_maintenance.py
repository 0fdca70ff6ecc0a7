"""What is not used may go; what is damaged is found."""

from __future__ import annotations

import os
from pathlib import Path
from time import time

import numpy as np
import pytest
from cached_answers import answer, key

from pytest_vlm.cache import Cache
from pytest_vlm.cache.maintenance import prune, size_on_disk, statistics, verify
from pytest_vlm.cache.store import today
from pytest_vlm.errors import SettingsError
from pytest_vlm.heatmap.heatmap import Heatmap
from pytest_vlm.scores import ScoreValue

HEATMAP = Heatmap.of_grid(np.ones((8, 8)), size=(8, 8), method="m")


def age(cache: Cache, number: int, days: int) -> None:
    """As if everything of a number had not been used for so many days."""
    for table in ("answers", "scores", "maps"):
        cache.database.write(
            f"UPDATE {table} SET used = ? WHERE key = ?",
            [(today() - days, bytes.fromhex(key(number)))],
        )


@pytest.fixture
def cache(tmp_path) -> Cache:
    cache = Cache(tmp_path / "cache", told=lambda what: None)
    for number, whose in ((1, "f"), (2, "f"), (3, "g")):
        cache.store_predictions([(key(number), answer(str(number)))], checkpoint=whose)
        cache.store_scores([(key(number), ScoreValue(value=1.0))], score="s")
        cache.store_heatmaps([(key(number), HEATMAP)], checkpoint=whose)
    return cache


def map_files(cache: Cache, number: int) -> list[Path]:
    return list(cache.maps.glob(f"*/{key(number)}*"))


def kept(cache: Cache) -> list[int]:
    known = cache.predictions([(key(n), "") for n in (1, 2, 3)])
    assert [one is not None for one in known] == [
        one is not None for one in cache.heatmaps([key(n) for n in (1, 2, 3)])
    ]
    return [n for n, one in zip((1, 2, 3), known, strict=True) if one is not None]


def test_statistics_count_everything(cache):
    age(cache, 2, 12)
    held = statistics(cache)
    assert held.rows == {"answers": 3, "scores": 3, "maps": 3}
    assert held.checkpoints == {"f": 2, "g": 1}
    assert held.unused_days == 12
    assert held.bytes == size_on_disk(cache.folder) > 3000


def test_what_was_not_used_for_long_goes(cache):
    age(cache, 1, 31)
    age(cache, 3, 30)
    gone = prune(cache, days=30)
    assert gone.rows == {"answers": 1, "scores": 1, "maps": 1}
    assert kept(cache) == [2, 3]
    assert map_files(cache, 1) == []


def test_a_dry_run_deletes_nothing(cache):
    age(cache, 1, 31)
    assert prune(cache, days=30, dry_run=True).rows["maps"] == 1
    assert kept(cache) == [1, 2, 3]


def test_the_longest_unused_goes_first_until_the_rest_fits(cache):
    age(cache, 2, 9)
    age(cache, 3, 5)
    size = map_files(cache, 2)[0].stat().st_size
    prune(cache, max_size=size_on_disk(cache.folder) - size)
    assert kept(cache) == [1, 3]
    prune(cache, max_size=0)
    assert kept(cache) == []


def test_a_use_is_noted_when_the_cache_is_closed(cache):
    age(cache, 1, 31)
    cache.predictions([(key(1), "1")])
    cache.heatmaps([key(1)])
    cache.close()
    assert prune(cache, days=30).rows == {"answers": 0, "scores": 1, "maps": 0}


def test_what_is_whole_is_said_to_be(cache):
    seen = []
    assert verify(cache, lambda done, total: seen.append((done, total))) == {
        "answers": 0,
        "scores": 0,
        "maps": 0,
    }
    assert seen[-1] == (9, 9)


def test_what_is_damaged_is_found_and_dropped(cache):
    cache.database.write(
        "UPDATE answers SET payload = ? WHERE key = ?", [(b"[]", bytes.fromhex(key(1)))]
    )
    map_files(cache, 2)[0].write_bytes(b"")
    assert verify(cache, lambda done, total: None) == {"answers": 1, "scores": 0, "maps": 1}
    assert verify(cache, lambda done, total: None) == {"answers": 0, "scores": 0, "maps": 0}


def test_what_came_from_a_future_that_a_clock_has_left_is_dated_anew_by_its_use(cache):
    age(cache, 1, -400)
    assert statistics(cache).unused_days == 0
    cache.predictions([(key(1), "1")])
    cache.close()
    found = cache.database.read("SELECT used FROM answers WHERE key = ?", [bytes.fromhex(key(1))])
    assert found == [(today(),)]


def test_what_a_run_uses_while_it_is_pruned_stays(cache, monkeypatch):
    age(cache, 1, 31)
    write = cache.database.write

    def write_late(statement, rows):
        age_again = "UPDATE answers SET used = ? WHERE key = ?"
        write(age_again, [(today(), bytes.fromhex(key(1)))])
        cache.store_heatmaps([(key(1), HEATMAP)], checkpoint="f")
        return write(statement, rows)

    with monkeypatch.context() as patch:
        patch.setattr(cache.database, "write", write)
        calls = iter([write_late])
        patch.setattr(cache.database, "write", lambda *given: next(calls, write)(*given))
        prune(cache, days=30)
    assert kept(cache) == [1, 2, 3]
    assert cache.scores([key(1)]) == [None]


def old(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x" * 100)
    os.utime(path, (time() - 2 * 86_400,) * 2)
    return path


def test_files_that_no_row_needs_go_unless_a_run_may_be_about_to_need_them(cache, tmp_path):
    strays = [
        old(cache.maps / "ab" / f"{key(7)}-00000000.npz"),
        old(cache.maps / "ab" / "torn.part"),
        old(cache.folder / "locks" / "x.lock"),
    ]
    young = cache.maps / "ab" / f"{key(8)}-00000000.npz"
    young.write_bytes(b"")
    os.utime(map_files(cache, 1)[0], (0, 0))
    gone = prune(cache, days=30, dry_run=True)
    assert (gone.strays, gone.bytes) == (3, 300)
    assert all(path.exists() for path in strays)
    assert prune(cache, days=30) == gone
    assert not any(path.exists() for path in strays)
    assert young.exists()
    assert kept(cache) == [1, 2, 3]


def test_a_damaged_database_goes_and_its_name_is_not_used_again(cache):
    cache.close()
    cache.database.path.write_bytes(b"garbage" * 1000)
    cache.store_predictions([(key(1), answer("1"))], checkpoint="f")
    assert prune(cache, days=30).strays == 1
    assert [path.name for path in cache.folder.glob("*.sqlite")] == ["cache-v1-2.sqlite"]
    assert Cache(cache.folder, told=print).predictions([(key(1), "1")]) == [answer("1")]


def test_what_is_deleted_gives_its_space_back(cache):
    items = [(key(n), answer(str(n), "x" * 2000)) for n in range(100, 1600)]
    cache.store_predictions(items, checkpoint="f")
    before = size_on_disk(cache.folder)
    prune(cache, max_size=0)
    assert size_on_disk(cache.folder) < before / 20


def test_a_cache_that_cannot_be_read_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    told = []
    for work in (statistics, lambda c: prune(c, days=1), lambda c: verify(c, print)):
        with pytest.raises(SettingsError, match="cannot be read"):
            work(Cache(tmp_path / "file", told=told.append))
    assert told
