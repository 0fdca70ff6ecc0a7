"""An accept that is killed leaves every golden old or new, and the next one finishes the job."""

from __future__ import annotations

import os
import random
import shutil
import signal
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from pytest_vlm.__main__ import main
from pytest_vlm.golden.accepting.pending import PendingFolder
from pytest_vlm.golden.storage.store import GoldenStore

SUITE = """
import pytest

@pytest.mark.parametrize("number", range({count}))
def test_map(golden, relevance, samples, number):
    golden(f"map-{{number}}").check(relevance(samples[number]))
"""
CHANGES = ("replace", "rename", "link", "unlink", "fsync", "rmdir", "mkdir")
pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="kills a fork of this process")


@pytest.fixture(autouse=True)
def not_in_ci(monkeypatch):
    monkeypatch.delenv("CI", raising=False)


@pytest.fixture
def prepare(project, suite):
    """Goldens of A of every second map, and a run in which B's maps all wait."""

    def make(count: int) -> list[str]:
        project.samples(count)
        a, b = project.checkpoint("A", looks="away"), project.checkpoint("B", looks="inside")
        suite(SUITE.format(count=count))
        project.gate(b, a, options=("--vlm-accept-goldens",))
        ids = GoldenStore(Path("goldens")).ids()
        for id in ids[::2]:
            GoldenStore(Path("goldens")).delete(id)
        project.gate(a, b)
        shutil.copytree("goldens", "kept-goldens")
        shutil.copytree("vlm-report", "kept-report")
        return ids

    return make


def again() -> None:
    for name in ("goldens", "vlm-report"):
        shutil.rmtree(name)
    shutil.copytree("kept-goldens", "goldens")
    shutil.copytree("kept-report", "vlm-report")


def fork_accept(prepared: Callable[[], None] = lambda: None) -> int:
    """Accept everything in a process of its own, prepared to kill itself somewhere."""
    child = os.fork()
    if child:
        return child
    try:
        devnull = os.open(os.devnull, os.O_WRONLY)
        os.dup2(devnull, 1)
        os.dup2(devnull, 2)
        sys.stdout = sys.stderr = open(os.devnull, "w")  # noqa: PTH123, SIM115
        prepared()
        os._exit(main(["accept", "vlm-report", "--all", "--reason", "killed"]))
    finally:
        os._exit(99)


def die_at_change(place: int) -> None:
    """End without a word before the change of that number; what was being written is half."""
    seen = 0

    def dying(name, real):
        def call(*arguments, **keywords):
            nonlocal seen
            seen += 1
            if seen == place:
                if name == "fsync":
                    half(arguments[0])
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*arguments, **keywords)

        return call

    for name in CHANGES:
        setattr(os, name, dying(name, getattr(os, name)))


def die_at_call(place: float) -> None:
    """End without a word at the Python or C call of that number.

    A clock would do too, but on a busy machine it strikes before the start or after the end.
    """
    seen = 0

    def count(frame: object, event: str, what: object) -> None:
        nonlocal seen
        seen += 1
        if seen >= place:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.setprofile(count)


def calls_in_all() -> int:
    """How many calls an accept is, as `die_at_call` counts them."""
    ended_at, told = os.pipe()

    def count() -> None:
        seen = 0

        def profile(frame: object, event: str, what: object) -> None:
            nonlocal seen
            seen += 1
            if what is os._exit:
                os.write(told, str(seen).encode())

        sys.setprofile(profile)

    assert ended(fork_accept(count)) == 0
    return int(os.read(ended_at, 20))


def half(file: int) -> None:
    try:
        os.ftruncate(file, os.fstat(file).st_size // 2)
    except OSError:
        return  # a folder


def ended(child: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def maker(goldens: str, id: str) -> str | None:
    """Who made a golden that can be read whole; None where there is none."""
    golden = GoldenStore(Path(goldens)).load(id)
    if golden is None:
        return None
    assert golden.picture.startswith(b"\x89PNG")
    assert (golden.provenance.reason == "killed") == (golden.provenance.checkpoint == "B")
    return golden.provenance.checkpoint


def check_old_or_new(ids: list[str]) -> int:
    """How many are new."""
    new = 0
    for id in ids:
        is_new = maker("goldens", id) == "B"
        assert is_new or maker("goldens", id) == maker("kept-goldens", id)
        new += is_new
    return new


def check_a_repeat_finishes(ids: list[str], capsys) -> None:
    capsys.readouterr()
    code = main(["accept", "vlm-report", "--all", "--reason", "killed"])
    told = capsys.readouterr()
    assert (code, told.err) == (0, "") or told.out == "nothing is pending in vlm-report\n"
    assert [maker("goldens", id) for id in ids] == ["B"] * len(ids)
    assert PendingFolder(Path("vlm-report")).goldens() == []
    left = [path for path in Path("vlm-report/pending").rglob("*") if path.is_file()]
    assert left == []
    files = sorted(path.name for path in Path("goldens").rglob("*") if path.is_file())
    names = [id.partition("/")[2] for id in ids]
    assert files == sorted(f"{name}.{end}" for name in names for end in ("json", "npz", "png"))


def test_killed_before_every_change_of_a_file(prepare, capsys):
    ids = prepare(2)
    deaths, counts = 0, set()
    while True:
        again()
        code = ended(fork_accept(partial(die_at_change, deaths + 1)))
        counts.add(check_old_or_new(ids))
        check_a_repeat_finishes(ids, capsys)
        if code != -signal.SIGKILL:
            break
        deaths += 1
    assert code == 0
    assert deaths > 20
    assert counts == {0, 1, 2}


def test_killed_at_any_call(prepare, capsys):
    ids = prepare(12)
    check_a_repeat_finishes(ids, capsys)  # from here on everything is imported
    again()
    calls, draw = calls_in_all(), random.Random(6)
    counts = set()
    for _ in range(20):
        again()
        assert ended(fork_accept(partial(die_at_call, draw.uniform(0, calls)))) == -signal.SIGKILL
        counts.add(check_old_or_new(ids))
        check_a_repeat_finishes(ids, capsys)
    assert len(counts) > 6


def test_killed_twice_in_a_row(prepare, capsys):
    ids, counts = prepare(2), set()
    for first in range(1, 40, 6):
        for second in range(1, 12, 3):
            again()
            ended(fork_accept(partial(die_at_change, first)))
            ended(fork_accept(partial(die_at_change, second)))
            counts.add(check_old_or_new(ids))
            check_a_repeat_finishes(ids, capsys)
    assert counts == {0, 1, 2}
