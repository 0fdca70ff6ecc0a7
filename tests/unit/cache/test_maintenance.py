"""What is not used may go; what is damaged is found."""

from __future__ import annotations

import numpy as np
import pytest
from cached_answers import answer, key

from pytest_vlm.cache import Cache
from pytest_vlm.cache.maintenance import prune, size_on_disk, statistics, verify
from pytest_vlm.cache.maps import map_file
from pytest_vlm.cache.store import today
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
    assert not map_file(cache.maps, key(1)).exists()


def test_a_dry_run_deletes_nothing(cache):
    age(cache, 1, 31)
    assert prune(cache, days=30, dry_run=True).rows["maps"] == 1
    assert kept(cache) == [1, 2, 3]


def test_the_longest_unused_goes_first_until_the_rest_fits(cache):
    age(cache, 2, 9)
    age(cache, 3, 5)
    size = map_file(cache.maps, key(2)).stat().st_size
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
    map_file(cache.maps, key(2)).write_bytes(b"")
    assert verify(cache, lambda done, total: None) == {"answers": 1, "scores": 0, "maps": 1}
    assert verify(cache, lambda done, total: None) == {"answers": 0, "scores": 0, "maps": 0}
