"""Forks, folders that cannot be written, file systems without WAL, and several processes at once.

Whatever happens, no run ends because of it, and no answer is wrong.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
import zlib
from collections.abc import Iterator
from multiprocessing.synchronize import Barrier
from pathlib import Path

import numpy as np
import pytest
from at_once import at_once
from cached_answers import answer, key

from pytest_vlm.cache import Cache
from pytest_vlm.cache.maps import write_map
from pytest_vlm.heatmap.heatmap import Heatmap
from pytest_vlm.scores import ScoreValue

TESTS = Path(__file__).parents[2]


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def cache(tmp_path, told) -> Cache:
    return Cache(tmp_path / "cache", told=told.append)


def begin(folder: Path, number: int, together: Barrier) -> None:
    cache = Cache(folder, told=sys.exit)
    together.wait()
    cache.store_predictions([(key(number), answer("s"))], checkpoint="f")
    assert None not in cache.predictions([(key(number), "s")])


def test_processes_that_begin_a_cache_at_once_all_keep_their_answers(tmp_path, told):
    for attempt in range(20):
        folder = tmp_path / str(attempt)
        assert at_once(begin, folder, 8) == [0] * 8
        assert None not in Cache(folder, told=told.append).predictions(
            [(key(n), "s") for n in range(8)]
        )


def test_a_process_with_the_damaged_file_open_goes_over_to_the_new_one(cache, told):
    cache.store_predictions(
        [(key(n), answer(str(n), "x" * 3000)) for n in range(50)], checkpoint="f"
    )
    cache.close()
    late = Cache(cache.folder, told=told.append)
    late.predictions([(key(0), "0")])
    with cache.database.path.open("r+b") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(4096)
        file.write(b"\xff" * (size - 4096))
    cache.store_predictions([(key(100), answer("100"))], checkpoint="f")
    for number in (101, 102):
        late.store_predictions([(key(number), answer("s"))], checkpoint="f")
        late.predictions([(key(n), str(n)) for n in range(50)])
    late.store_predictions([(key(103), answer("103"))], checkpoint="f")
    late.close()
    cache.close()
    fresh = Cache(cache.folder, told=told.append)
    assert None not in fresh.predictions([(key(100), "100"), (key(103), "103")])
    assert sum("put aside" in sentence for sentence in told) == 1
    assert len(cache.database.damaged_paths) == 1


def test_a_fork_between_two_writes_loses_nothing(cache, told):
    cache.store_predictions([(key(0), answer("s"))], checkpoint="f")
    child = os.fork()
    if child == 0:
        for number in range(1, 100):
            cache.store_predictions([(key(number), answer("s"))], checkpoint="f")
        os._exit(len(told))
    for number in range(100, 200):
        cache.store_predictions([(key(number), answer("s"))], checkpoint="f")
    cache.close()
    assert os.waitpid(child, 0)[1] == 0
    assert told == []
    assert None not in cache.predictions([(key(n), "s") for n in range(200)])


def test_no_connection_is_carried_across_a_fork_even_while_a_thread_uses_it(cache):
    stop = threading.Event()

    def work() -> None:
        while not stop.is_set():
            cache.store_predictions([(key(1), answer("s"))], checkpoint="f")

    busy = threading.Thread(target=work)
    busy.start()
    for _ in range(20):
        child = os.fork()
        if child == 0:
            found = cache.database._opened is None and cache.predictions([(key(2), "s")]) == [None]
            os._exit(0 if found else 1)
        assert os.waitpid(child, 0)[1] == 0
    stop.set()
    busy.join()


READER = """
import os, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from cached_answers import answer, key
from pytest_vlm.cache import Cache
told = []
cache = Cache(Path(sys.argv[1]), told=told.append)
if os.getuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
print(cache.predictions([(key(1), "s")])[0] is not None)
for n in (2, 3):
    cache.store_predictions([(key(n), answer("s"))], checkpoint="f")
    with cache.lock("name"):
        assert cache.predictions([(key(n), "s")]) == [answer("s")]
cache.close()
print(len(told), len(set(told)))
"""


@pytest.fixture
def public() -> Iterator[Path]:
    """A folder that every user may enter; pytest's own are private."""
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.mark.parametrize(("harmed", "found"), [(False, "True"), (True, "False")])
def test_a_folder_that_may_only_be_read_is_read(cache, public, harmed, found):
    cache.store_predictions([(key(1), answer("s"))], checkpoint="f")
    cache.close()
    if harmed:
        cache.database.path.write_bytes(b"garbage" * 1000)
    folder = shutil.copytree(cache.folder, public / "cache")
    folder.chmod(0o555)
    before = sorted(folder.iterdir())
    command = [sys.executable, "-c", READER, str(folder), str(TESTS)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [found, "1", "1"]
    assert sorted(folder.iterdir()) == before


def test_a_lock_that_the_file_system_does_not_know_is_done_without(cache, told, monkeypatch):
    tried = []

    def refuse(*_: object, **__: object) -> None:
        tried.append(1)
        raise NotImplementedError("FileSystem does not appear to support flock")

    monkeypatch.setattr("pytest_vlm.cache.store.FileLock.acquire", refuse)
    with cache.lock("name"):
        cache.store_predictions([(key(1), answer("s"))], checkpoint="f")
    assert cache.predictions([(key(1), "s")]) == [answer("s")]
    assert (tried, told) == ([1], [])


def test_what_another_version_wrote_is_asked_again(cache, told):
    for table in ("answers", "scores"):
        row = (
            bytes.fromhex(key(1)),
            b"[]",
            zlib.crc32(b"[]", zlib.crc32(bytes(15) + b"\1")),
            "f",
            1,
        )
        cache.database.write(f"INSERT INTO {table} VALUES (?, ?, ?, ?, ?)", [row])
    assert cache.predictions([(key(1), "s")]) == cache.scores([key(1)]) == [None]
    assert [sentence.split(" were")[0] for sentence in told] == [
        "1 damaged answers",
        "1 damaged scores",
    ]
    assert cache.database.read("SELECT * FROM answers") == []


def test_tables_of_another_version_only_cost_the_keeping(cache, told):
    cache.folder.mkdir()
    other = sqlite3.connect(cache.database.path)
    other.execute("CREATE TABLE answers (key BLOB PRIMARY KEY, other INTEGER)")
    other.close()
    cache.store_predictions([(key(1), answer("s"))], checkpoint="f")
    assert cache.predictions([(key(1), "s")]) == [answer("s")]
    assert len(told) == len(set(told)) == 2


def test_numbers_of_numpy_are_numbers(cache, told):
    cache.store_scores([(key(1), ScoreValue(value=np.float32(0.5)))], score="s")  # type: ignore[arg-type]
    assert cache.scores([key(1)]) == [ScoreValue(value=0.5)]


class Interrupted:
    """The user interrupts while a row is written."""

    def __conform__(self, protocol: object) -> object:
        raise KeyboardInterrupt


def test_an_interrupt_in_the_middle_of_a_transaction_lets_others_write(cache, told):
    statement = "INSERT OR REPLACE INTO scores VALUES (?, ?, ?, ?, ?)"
    with pytest.raises(KeyboardInterrupt):
        cache.database.write(statement, [(b"1", b"", 1, "s", 1), (b"2", b"", 1, Interrupted(), 1)])
    assert cache.database.read("SELECT count(*) FROM scores") == [(0,)]
    other = sqlite3.connect(cache.database.path, timeout=0, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    other.close()


def test_who_never_lets_go_is_waited_for_once_and_what_comes_later_is_kept(
    cache, told, monkeypatch
):
    monkeypatch.setattr("pytest_vlm.cache.database.BUSY_SECONDS", 0.2)
    monkeypatch.setattr("pytest_vlm.cache.database.STILL_BUSY_SECONDS", 0.0)
    cache = Cache(cache.folder, told=told.append)
    cache.folder.mkdir()
    other = sqlite3.connect(cache.database.path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    for number in (1, 2):
        cache.store_predictions([(key(number), answer("s"))], checkpoint="f")
    assert cache.database._patience == 0.0
    assert len(told) == 1
    other.execute("ROLLBACK")
    other.close()
    cache.store_predictions([(key(3), answer("s"))], checkpoint="f")
    assert None not in cache.predictions([(key(n), "s") for n in (1, 2, 3)])
    cache.close()
    found = Cache(cache.folder, told=told.append).predictions([(key(n), "s") for n in (1, 2, 3)])
    assert [one is not None for one in found] == [False, False, True]


def test_other_maps_under_one_key_are_not_mixed(cache, told):
    maps = [
        Heatmap.of_grid(np.full((64, 64), float(n)), size=(64, 64), method="m") for n in range(4)
    ]

    def work(heatmap: Heatmap) -> None:
        for number in range(20):
            cache.store_heatmaps([(key(number), heatmap)], checkpoint="f")

    threads = [threading.Thread(target=work, args=(heatmap,)) for heatmap in maps]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert None not in cache.heatmaps([key(number) for number in range(20)])
    assert told == []


def test_a_file_whose_writer_was_killed_before_its_row_replaces_no_map(cache, told):
    cache.store_heatmaps(
        [(key(1), Heatmap.of_grid([[1.0]], size=(1, 1), method="m"))], checkpoint="f"
    )
    write_map(cache.maps, key(1), Heatmap.of_grid([[2.0]], size=(1, 1), method="m"))
    [found] = cache.heatmaps([key(1)])
    assert found is not None
    assert found.values == [1.0]
    assert told == []


FULL = """
import resource, signal, sys
from pathlib import Path
import numpy as np
sys.path.insert(0, sys.argv[2])
from cached_answers import key
from pytest_vlm.cache import Cache
from pytest_vlm.heatmap.heatmap import Heatmap
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
told = []
cache = Cache(Path(sys.argv[1]), told=told.append)
heatmap = Heatmap.of_grid(np.ones((256, 256)), size=(256, 256), method="m")
cache.store_heatmaps([(key(0), heatmap)], checkpoint="f")
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
for n in range(1, 4):
    cache.store_heatmaps([(key(n), heatmap)], checkpoint="f")
assert None not in cache.heatmaps([key(n) for n in range(4)])
assert len(told) == 1, told
"""


def test_a_disk_that_is_full_in_the_middle_of_a_map_keeps_no_half_of_it(cache):
    command = [sys.executable, "-c", FULL, str(cache.folder), str(TESTS)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert len([path for path in cache.maps.rglob("*") if path.is_file()]) == 1


NO_SHARED_MEMORY = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

void *mmap(void *address, size_t size, int protection, int flags, int file, off_t offset) {
    static void *(*original)(void *, size_t, int, int, int, off_t);
    if (!original) original = dlsym(RTLD_NEXT, "mmap");
    char link[64], name[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = file < 0 ? 0 : readlink(link, name, sizeof name - 1);
    if (length > 4 && !strncmp(name + length - 4, "-shm", 4)) {
        errno = ENODEV;
        return MAP_FAILED;
    }
    return original(address, size, protection, flags, file, offset);
}

void *mmap64(void *address, size_t size, int protection, int flags, int file, off_t offset) {
    return mmap(address, size, protection, flags, file, offset);
}
"""
WITHOUT_WAL = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from cached_answers import answer, key
from pytest_vlm.cache import Cache
cache = Cache(Path(sys.argv[1]), told=sys.exit)
cache.store_predictions([(key(int(sys.argv[3])), answer("s"))], checkpoint="f")
[(mode,)] = cache.database.read("PRAGMA journal_mode")
assert mode == "delete", mode
"""


@pytest.mark.skipif(sys.platform != "linux", reason="replaces a function of Linux' C library")
@pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler")
@pytest.mark.parametrize("moved", [False, True])
def test_where_memory_cannot_be_shared_the_usual_journal_is_used(cache, told, tmp_path, moved):
    (tmp_path / "mmap.c").write_text(NO_SHARED_MEMORY)
    library = tmp_path / "mmap.so"
    build = ["cc", "-shared", "-fPIC", "-o", str(library), str(tmp_path / "mmap.c"), "-ldl"]
    subprocess.run(build, check=True)
    if moved:
        cache.store_predictions([(key(0), answer("s"))], checkpoint="f")
        cache.close()
    command = [sys.executable, "-c", WITHOUT_WAL, str(cache.folder), str(TESTS)]
    environ = {**os.environ, "LD_PRELOAD": str(library)}
    for number in (1, 2):
        done = subprocess.run(
            [*command, str(number)], env=environ, capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, done.stderr
    writers = [subprocess.Popen([*command, str(n)], env=environ) for n in range(3, 6)]
    assert [writer.wait(timeout=60) for writer in writers] == [0, 0, 0]
    known = range(0 if moved else 1, 6)
    assert None not in cache.predictions([(key(n), "s") for n in known])
    assert told == []
