"""What is stored is found again, by any process; what is damaged is dropped, and said."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from cached_answers import answer, key

from pytest_vlm.cache import Cache, default_folder
from pytest_vlm.cache.maintenance import prune, statistics, verify
from pytest_vlm.cache.payload import checksum
from pytest_vlm.evaluation.predictions import Measurement, Prediction
from pytest_vlm.heatmap.heatmap import Heatmap
from pytest_vlm.scores import ScoreValue


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def cache(tmp_path, told) -> Cache:
    return Cache(tmp_path / "cache", told=told.append)


def again(cache: Cache, told: list[str]) -> Cache:
    """The same folder as the next process sees it."""
    cache.close()
    return Cache(cache.folder, told=told.append)


TESTS = Path(__file__).parents[2]
HOSTILE = [
    "",
    "\x00",
    "\ud800",
    "é\u0301 \N{PILE OF POO}",
    "'; DROP TABLE answers; --",
    "x" * 10**6,
]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_an_answer_comes_back_as_it_was_under_the_id_it_is_asked_for(cache, told, text):
    cache.store_predictions([(key(1), answer("s", text, completions=3))], checkpoint="f")
    found = again(cache, told).predictions([(key(1), "other"), (key(2), "s")])
    assert found == [answer("other", text, completions=3), None]
    assert told == []


@pytest.mark.parametrize("content", [b"", b"[", b"[]", b"7", b"\xff", b"[[[1]],1,2,3,4]"])
def test_what_another_version_wrote_is_dropped_and_said(cache, told, content):
    for table, read in (
        ("answers", lambda: cache.predictions([(key(1), "s")])),
        ("scores", lambda: cache.scores([key(1)])),
    ):
        row = bytes.fromhex(key(1))
        statement = f"INSERT INTO {table} VALUES (?, ?, ?, ?, ?)"
        cache.database.write(statement, [(row, content, checksum(row, content), "f", 1)])
        assert read() == [None]
        assert read() == [None]
        assert told.pop() == f"1 damaged {table} were dropped from the cache, and asked again"
        assert told == []


def test_a_measurement_is_of_one_run_and_not_kept(cache, told):
    measured = Measurement(seconds=1.0, samples=1, tokens=1)
    prediction = Prediction(
        sample_id="s", completions=answer("s").completions, measurement=measured
    )
    cache.store_predictions([(key(1), prediction)], checkpoint="f")
    [found] = again(cache, told).predictions([(key(1), "s")])
    assert found is not None
    assert found.measurement is None


def test_scores_come_back(cache, told):
    values = [
        ScoreValue(value=0.1 + 0.2, variance=1e-300),
        ScoreValue(value=float("inf")),
        ScoreValue(value=0.0, reason="because"),
    ]
    cache.store_scores([(key(i), value) for i, value in enumerate(values)], score="s 1")
    assert again(cache, told).scores([key(2), key(9), key(0), key(1)]) == [
        values[2],
        None,
        values[0],
        values[1],
    ]


def test_maps_come_back(cache, told):
    values = np.random.default_rng(0).random(12, np.float32)
    heatmap = Heatmap.of_grid(values.reshape(3, 4), size=(40, 30), method="attention")
    cache.store_heatmaps([(key(1), heatmap)], checkpoint="f")
    found, missing = again(cache, told).heatmaps([key(1), key(2)])
    assert missing is None
    assert found is not None
    assert found.method == "attention"
    for name in ("values", "boxes", "media", "frame"):
        stored, original = getattr(found, name), getattr(heatmap, name)
        np.testing.assert_array_equal(stored, original)
        assert stored.dtype == original.dtype


def test_nothing_touches_the_disk_before_it_is_asked(cache):
    assert not cache.folder.exists()


def test_more_keys_than_one_query_takes(cache):
    cache.store_predictions([(key(n), answer(str(n))) for n in range(1500)], checkpoint="f")
    found = cache.predictions([(key(n), str(n)) for n in reversed(range(1600))])
    assert [one.sample_id if one else None for one in found] == [
        str(n) if n < 1500 else None for n in reversed(range(1600))
    ]


def map_files(cache: Cache, number: int) -> list[Path]:
    return list(cache.maps.glob(f"*/{key(number)}*"))


def flip(path: Path, at: int) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 0xFF
    path.write_bytes(bytes(content))


def test_a_damaged_row_is_dropped_and_said(cache, told):
    cache.store_predictions([(key(n), answer(str(n), "needle")) for n in range(3)], checkpoint="f")
    cache.close()
    content = cache.database.path.read_bytes()
    flip(cache.database.path, content.index(b"needle"))
    reopened = Cache(cache.folder, told=told.append)
    found = reopened.predictions([(key(n), str(n)) for n in range(3)])
    assert sum(one is None for one in found) == 1
    assert told == ["1 damaged answers were dropped from the cache, and asked again"]
    told.clear()
    assert sum(one is None for one in reopened.predictions([(key(n), "") for n in range(3)])) == 1
    assert told == []


def test_a_row_under_another_rows_key_is_damage(cache, told):
    cache.store_predictions([(key(1), answer("1"))], checkpoint="f")
    cache.database.write(
        "UPDATE answers SET key = ? WHERE key = ?", [(bytes.fromhex(key(2)), bytes.fromhex(key(1)))]
    )
    assert cache.predictions([(key(2), "1")]) == [None]
    assert len(told) == 1


@pytest.mark.parametrize("harm", ["flip", "truncate", "delete"])
def test_a_damaged_map_is_dropped_and_said(cache, told, harm):
    heatmap = Heatmap.of_grid(np.ones((2, 2)), size=(4, 4), method="m")
    cache.store_heatmaps([(key(1), heatmap), (key(2), heatmap)], checkpoint="f")
    [path] = map_files(cache, 1)
    if harm == "delete":
        path.unlink()
    elif harm == "truncate":
        path.write_bytes(path.read_bytes()[:-1])
    else:
        flip(path, 60)
    first, second = again(cache, told).heatmaps([key(1), key(2)])
    assert first is None
    assert second is not None
    assert told == ["1 damaged maps were dropped from the cache, and asked again"]


@pytest.mark.parametrize("content", [b"garbage" * 1000, b"SQLite format 3\x00" + b"\xff" * 4096])
def test_a_file_that_is_no_database_is_put_aside(cache, told, content):
    cache.database.path.parent.mkdir()
    cache.database.path.write_bytes(content)
    cache.store_predictions([(key(1), answer("1"))], checkpoint="f")
    assert cache.predictions([(key(1), "1")]) == [answer("1")]
    assert len(told) == 1
    assert "put aside" in told[0]
    [aside] = cache.database.damaged_paths
    assert aside.read_bytes() == content
    assert again(cache, told).predictions([(key(1), "1")]) == [answer("1")]
    assert len(told) == 1


@pytest.mark.parametrize("running", [True, False], ids=["during a run", "between runs"])
def test_the_damaged_file_may_be_removed(cache, told, running):
    cache.database.path.parent.mkdir()
    cache.database.path.write_bytes(b"garbage" * 1000)
    cache.store_predictions([(key(1), answer("1"))], checkpoint="f")
    if not running:
        cache.close()
    for path in cache.database.damaged_paths:
        path.unlink()
    cache.store_predictions([(key(2), answer("2"))], checkpoint="f")
    reopened = again(cache, told)
    wanted = [(key(1), "1"), (key(2), "2")]
    assert reopened.predictions(wanted) == [answer("1"), answer("2")]
    assert reopened.database.damaged_paths == []
    assert statistics(reopened).rows["answers"] == 2
    prune(reopened, days=30)
    assert verify(reopened, lambda done, total: None) == {"answers": 0, "scores": 0, "maps": 0}
    assert again(reopened, told).predictions(wanted) == [answer("1"), answer("2")]
    assert len(told) == 1


def test_the_file_in_use_may_be_removed_and_the_damaged_one_stay(cache, told):
    first = cache.database.path
    first.parent.mkdir()
    first.write_bytes(b"garbage" * 1000)
    cache.store_predictions([(key(1), answer("1"))], checkpoint="f")
    cache.close()
    cache.database.path.unlink()
    assert cache.predictions([(key(1), "1")]) == [None]
    cache.store_predictions([(key(1), answer("1"))], checkpoint="f")
    assert again(cache, told).predictions([(key(1), "1")]) == [answer("1")]


def test_a_truncated_database_loses_answers_but_never_gives_wrong_ones(cache, told):
    items = [(key(n), answer(str(n), f"text {n} " * 20)) for n in range(2000)]
    cache.store_predictions(items, checkpoint="f")
    cache.close()
    os.truncate(cache.database.path, cache.database.path.stat().st_size // 2)
    reopened = Cache(cache.folder, told=told.append)
    found = reopened.predictions([(k, p.sample_id) for k, p in items])
    assert all(one in (None, expected) for one, (_, expected) in zip(found, items, strict=True))
    reopened.store_predictions(items, checkpoint="f")
    assert reopened.predictions([(k, p.sample_id) for k, p in items]) == [p for _, p in items]
    assert told


def test_a_folder_that_is_a_file_only_costs_the_keeping(tmp_path, told):
    (tmp_path / "file").write_text("")
    cache = Cache(tmp_path / "file", told=told.append)
    heatmap = Heatmap.of_grid(np.ones((2, 2)), size=(4, 4), method="m")
    cache.store_predictions([(key(1), answer("1"))], checkpoint="f")
    cache.store_scores([(key(1), ScoreValue(value=1.0))], score="s")
    cache.store_heatmaps([(key(1), heatmap)], checkpoint="f")
    with cache.lock("name"):
        assert cache.predictions([(key(1), "1")]) == [answer("1")]
    assert cache.scores([key(1)]) == [ScoreValue(value=1.0)]
    assert cache.heatmaps([key(1)]) == [heatmap]
    cache.close()
    assert told
    assert len(told) == len(set(told))


FULL = """
import resource, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from cached_answers import answer, key
from pytest_vlm.cache import Cache
import signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
told = []
cache = Cache(Path(sys.argv[1]), told=told.append)
for n in range(300):
    cache.store_predictions([(key(n), answer(str(n), "x" * 5000))], checkpoint="f")
found = cache.predictions([(key(n), str(n)) for n in range(300)])
assert all(found), sum(one is None for one in found)
assert told, "nothing was said"
"""


def test_a_full_disk_keeps_the_rest_in_memory(tmp_path):
    command = [sys.executable, "-c", FULL, str(tmp_path / "cache"), str(TESTS)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_threads_share_it(cache):
    def work(start: int) -> None:
        for n in range(start, start + 50):
            cache.store_predictions([(key(n), answer(str(n)))], checkpoint="f")

    threads = [threading.Thread(target=work, args=(n * 50,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert None not in cache.predictions([(key(n), str(n)) for n in range(200)])


WRITER = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from cached_answers import answer, key
from pytest_vlm.cache import Cache
cache = Cache(Path(sys.argv[1]), told=lambda what: sys.exit(what))
start = int(sys.argv[3])
for n in range(start, start + 200):
    cache.store_predictions([(key(n), answer(str(n)))], checkpoint="f")
"""


def test_processes_share_it(cache):
    command = [sys.executable, "-c", WRITER, str(cache.folder), str(TESTS)]
    writers = [subprocess.Popen([*command, str(n * 200)]) for n in range(3)]
    assert [writer.wait(timeout=60) for writer in writers] == [0, 0, 0]
    assert None not in cache.predictions([(key(n), str(n)) for n in range(600)])


HOLDER = """
import sys, time
from pathlib import Path
from pytest_vlm.cache import Cache
with Cache(Path(sys.argv[1]), told=print).lock("plan"):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_lock_is_waited_for_and_let_go_when_its_holder_is_killed(cache, told, monkeypatch):
    monkeypatch.setattr("pytest_vlm.cache.store.PATIENCE_SECONDS", 0.1)
    command = [sys.executable, "-c", HOLDER, str(cache.folder)]
    holder = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    threading.Timer(0.5, holder.kill).start()
    with cache.lock("plan"):
        assert holder.wait(timeout=10) != 0
    assert told == ["waited for another process that asked the same checkpoint"]


@pytest.mark.parametrize(
    ("environ", "home"),
    [({"XDG_CACHE_HOME": "/x"}, "/x"), ({"XDG_CACHE_HOME": "x"}, None), ({}, None)],
)
def test_the_default_folder(environ, home):
    expected = Path(home) if home else Path.home() / ".cache"
    assert default_folder(environ) == expected / "pytest-vlm"
