"""Goldens as files: complete, old or new, never in between."""

from __future__ import annotations

import json
import os
import resource
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest

from pytest_vlm.errors import GoldenError
from pytest_vlm.golden.golden import Golden
from pytest_vlm.golden.storage.store import GoldenStore
from pytest_vlm.heatmap.heatmap import Heatmap

KILLED = 137


@pytest.fixture
def store(tmp_path) -> GoldenStore:
    return GoldenStore(tmp_path / "goldens")


def files(store: GoldenStore) -> dict[str, bytes]:
    found = (path for path in store.folder.rglob("*") if path.is_file())
    return {str(path.relative_to(store.folder)): path.read_bytes() for path in found}


@contextmanager
def full_disk(size: int) -> Iterator[None]:
    """No file may grow beyond so many bytes; the kernel refuses the write."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def killed_at(step: int, work: Callable[[], None]) -> bool:
    """Do some work in another process, which ends before it opens, renames or removes for the
    `step`-th time; gives whether it came so far.
    """
    child = os.fork()
    if child == 0:
        left = step

        def count(event: str, arguments: tuple[object, ...]) -> None:
            nonlocal left
            if event in ("open", "os.rename", "os.remove"):
                left -= 1
                if left < 0:
                    os._exit(KILLED)

        sys.addaudithook(count)
        work()
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) in (0, KILLED)
    return os.waitstatus_to_exitcode(status) == KILLED


def other_map(heatmap: Heatmap) -> Heatmap:
    return replace(heatmap, values=np.ascontiguousarray(heatmap.values[::-1]))


def content(golden: Golden) -> tuple[object, ...]:
    assert golden.heatmap is not None
    return golden.heatmap.values.tobytes(), golden.picture, str(golden.provenance)


def test_what_is_saved_is_loaded(store, make_golden):
    saved = make_golden()
    store.save(saved)
    loaded = store.load(saved.id)
    assert loaded is not None
    assert (loaded.id, loaded.picture, loaded.subject) == (saved.id, saved.picture, "map")
    assert loaded.provenance == saved.provenance
    for layer in ("values", "boxes", "media", "frame"):
        one, other = getattr(loaded.heatmap, layer), getattr(saved.heatmap, layer)
        assert np.array_equal(one, other)
        assert one.dtype == other.dtype
    assert loaded.heatmap.method == "attention"
    assert (loaded.heatmap.layers, loaded.heatmap.span) == ((2, 3), (0, 1))
    assert loaded.digest == saved.digest


def test_a_golden_is_three_files_named_after_it(store, make_golden):
    store.save(make_golden("test_x.test_y/v1.2"))
    folder = "test_x.test_y/v1.2"
    assert set(files(store)) == {f"{folder}.npz", f"{folder}.json", f"{folder}.png"}
    assert json.loads(files(store)[f"{folder}.json"])["answer"] == "7 é"


def test_an_image_golden_is_two_files(store, make_golden, provenance):
    image = make_golden(heatmap=None, provenance=replace(provenance, method="", layers=()))
    store.save(image)
    assert set(files(store)) == {"test_x/seven.json", "test_x/seven.png"}
    assert json.loads(files(store)["test_x/seven.json"])["subject"] == "image"
    assert store.load("test_x/seven") == image
    assert image.subject == "image"


def test_an_image_that_replaces_a_map_leaves_no_map_behind(store, make_golden):
    store.save(make_golden())
    store.save(make_golden(heatmap=None))
    assert set(files(store)) == {"test_x/seven.json", "test_x/seven.png"}


def test_a_map_of_32_by_32_takes_at_most_6000_bytes_without_its_picture(store, make_golden, sample):
    values = np.random.default_rng(0).random((32, 32))  # noise does not compress
    heatmap = Heatmap.of_grid(values, size=(1013, 777), method="attention")
    store.save(make_golden(heatmap=replace(heatmap, sample=sample, layers=(24, 25, 26, 27))))
    stored = files(store)
    assert len(stored["test_x/seven.npz"]) + len(stored["test_x/seven.json"]) <= 6_000


def test_lists_ids_in_order_with_dots_in_their_names(store, make_golden):
    ids = ["test_a/v1.2", "test_a/v1.10", "test_a.test_b/x"]
    for id in ids:
        store.save(make_golden(id))
    assert store.ids() == sorted(ids)
    assert all(store.load(id) for id in store.ids())


def test_variants_are_listed_under_their_golden(store, make_golden):
    for id in ("test_a/x~cuda-float16", "test_a/x", "test_a/x2", "test_a/y~cpu"):
        store.save(make_golden(id))
    assert store.ids() == ["test_a/x", "test_a/x2", "test_a/y"]
    assert store.variants("test_a/x") == ["test_a/x", "test_a/x~cuda-float16"]
    assert store.variants("test_a/y") == ["test_a/y~cpu"]
    assert store.variants("test_b/x") == []


def test_a_folder_that_does_not_exist_holds_none(store):
    assert store.ids() == []
    assert store.load("test_x/seven") is None


def test_delete_leaves_the_others(store, make_golden):
    store.save(make_golden("test_x/one"))
    store.save(make_golden("test_x/two"))
    store.delete("test_x/one")
    store.delete("test_x/one")
    assert store.ids() == ["test_x/two"]
    assert all("two" in name for name in files(store))


@pytest.mark.parametrize("id", ["../out/seven", "/etc/passwd", "test_x/../seven", "test_x/con"])
def test_refuses_names_that_could_lead_elsewhere(store, make_golden, id):
    for use in (store.load, store.delete, lambda id: store.save(make_golden(id))):
        with pytest.raises(GoldenError, match="no name for a golden"):
            use(id)
    assert not store.folder.exists()


@pytest.mark.parametrize("other", ["test_x/Seven", "Test_x/seven"])
def test_refuses_a_name_that_differs_in_upper_case_alone(store, make_golden, other):
    store.save(make_golden())
    with pytest.raises(GoldenError, match="which Windows and macOS take for the same"):
        store.save(make_golden(other))
    assert store.ids() == ["test_x/seven"]


def test_a_failing_first_write_leaves_no_file(store, make_golden):
    with full_disk(100), pytest.raises(OSError, match="File too large"):
        store.save(make_golden())
    assert files(store) == {}
    assert store.ids() == []


@pytest.mark.parametrize("room", [300, 900, 8_000])
def test_a_failing_write_keeps_the_old_golden(store, make_golden, provenance, room):
    store.save(make_golden(picture=b"old"))
    before = files(store)
    noise = np.random.default_rng(0).random((64, 64))
    new = make_golden(
        heatmap=Heatmap.of_grid(noise, size=(64, 64), method="attention"),
        picture=b"new",
        provenance=replace(provenance, answer="8"),
    )
    with full_disk(room), pytest.raises(OSError, match="File too large"):
        store.save(new)
    assert files(store) == before


@pytest.mark.parametrize("id", ["test_x/seven", "test_x/v1.2"])
def test_killed_anywhere_it_is_the_old_golden_or_the_new_one(store, make_golden, heatmap, id):
    old, new = make_golden(id), make_golden(id, heatmap=other_map(heatmap), picture=b"new")
    found, step = [], 0
    store.save(old)
    with store.locked():
        pass  # its file is open in every process from now on
    while killed_at(step, lambda: store.save(new)):
        found.append(content(store.load(id)))
        assert store.ids() == [id]
        store.save(old)
        assert content(store.load(id)) == content(old)
        assert not [name for name in files(store) if "/." in name]
        step += 1
    assert set(found) == {content(old), content(new)}
    assert content(store.load(id)) == content(new)


def test_killed_at_the_first_golden_there_is_none_or_all_of_it(store, make_golden):
    found, step = [], 0
    while killed_at(step, lambda: store.save(make_golden())):
        golden = store.load("test_x/seven")
        found.append(None if golden is None else content(golden))
        store.delete("test_x/seven")
        step += 1
    assert set(found) == {None, content(make_golden())}


def test_what_a_killed_writer_left_half_is_never_taken(store, make_golden, heatmap):
    store.save(make_golden())
    document = json.loads((store.folder / "test_x/seven.json").read_text())
    packed = store.folder / "test_x/seven.npz"
    whole = packed.read_bytes()
    half = store.folder / f"test_x/.seven.{document['files']['.npz']}.npz"
    half.write_bytes(whole[:100])
    packed.unlink()
    with pytest.raises(GoldenError, match=r"seven\.npz is missing"):
        store.load("test_x/seven")
    half.write_bytes(whole)
    assert content(store.load("test_x/seven")) == content(make_golden())


def test_another_goldens_unfinished_files_are_left_alone(store, make_golden, heatmap):
    """``v1`` must not tidy up ``v1.2``."""
    ids = ["test_x/v1", "test_x/v1.2"]
    new = make_golden(ids[1], heatmap=other_map(heatmap), picture=b"new")
    step = 0
    while True:
        store.save(make_golden(ids[1]))
        if not killed_at(step, lambda: store.save(new)):
            break
        before = content(store.load(ids[1]))
        store.save(make_golden(ids[0]))
        store.delete(ids[0])
        assert content(store.load(ids[1])) == before
        step += 1
    assert step > 5


def test_writers_at_once_leave_one_whole_golden(store, make_golden, heatmap):
    goldens = [
        make_golden(
            heatmap=replace(heatmap, values=heatmap.values * np.float32(n)), picture=bytes([n])
        )
        for n in range(1, 5)
    ]
    children = []
    for golden in goldens:
        child = os.fork()
        if child == 0:
            for _ in range(20):
                store.save(golden)
            os._exit(0)
        children.append(child)
    found = set()
    while children:
        golden = store.load("test_x/seven")
        found.add(None if golden is None else content(golden))
        ended, status = os.waitpid(-1, os.WNOHANG)
        if ended:
            assert os.waitstatus_to_exitcode(status) == 0
            children.remove(ended)
    whole = {content(golden) for golden in goldens}
    assert found <= {None, *whole}
    assert content(store.load("test_x/seven")) in whole
    assert len(files(store)) == 3


def break_one_byte(data: bytes) -> bytes:
    middle = data.index(b"PK", 4) // 2
    return data[:middle] + bytes([data[middle] ^ 0xFF]) + data[middle + 1 :]


@pytest.mark.parametrize(
    ("suffix", "damage", "says"),
    [
        (".npz", lambda data: data[: len(data) // 2], "cut short"),
        (".npz", lambda data: b"", "cut short"),
        (".npz", lambda data: b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
        (".npz", break_one_byte, "changed"),
        (".npz", None, "seven.npz is missing"),
        (".json", lambda data: data[:-10], "is no JSON"),
        (".json", lambda data: b"[]", "not written by this plugin"),
        (".json", lambda data: b'{"sample_id": "1"}', "not written by this plugin"),
        (".json", lambda data: data.replace(b'"device"', b'"gadget"'), "gadget"),
        (".json", lambda data: data.replace(b'"format": 1', b'"format": 9'), "upgrade"),
        (".json", lambda data: data.replace(b"{", b"<<<<<<< ours\n{", 1), "conflict marks"),
        (".json", lambda data: "é".encode("latin-1"), "is no JSON"),
        (".json", lambda data: b"[" * 100_000, "is no JSON"),
        (".json", None, "seven.json is missing beside seven.npz and seven.png"),
        (".png", lambda data: data[:-1], "cut short"),
        (".png", None, "seven.png is missing"),
    ],
)
def test_a_damaged_golden_is_named_with_what_to_do(store, make_golden, suffix, damage, says):
    store.save(make_golden())
    path = store.folder / f"test_x/seven{suffix}"
    if damage is None:
        path.unlink()
    else:
        path.write_bytes(damage(path.read_bytes()))
    for read in (store.load, store.read):
        with pytest.raises(GoldenError, match=r"test_x/seven cannot be read: .*; restore it") as no:
            read("test_x/seven")
        assert says in str(no.value)
    assert "accept a new one" in str(no.value)


def test_a_damaged_golden_is_replaced_by_a_new_one(store, make_golden):
    store.save(make_golden())
    (store.folder / "test_x/seven.json").write_bytes(b"{")
    store.save(make_golden(picture=b"new"))
    assert store.load("test_x/seven").picture == b"new"


def test_any_damage_to_the_map_is_a_golden_error(store, make_golden):
    store.save(make_golden())
    path = store.folder / "test_x/seven.npz"
    data = path.read_bytes()
    for position in range(len(data)):
        path.write_bytes(data[:position] + bytes([data[position] ^ 0x55]) + data[position + 1 :])
        with pytest.raises(GoldenError):
            store.read("test_x/seven")


def test_another_goldens_map_is_refused(store, make_golden, heatmap):
    store.save(make_golden("test_x/one"))
    store.save(make_golden("test_x/two", heatmap=other_map(heatmap)))
    folder = store.folder / "test_x"
    (folder / "two.npz").write_bytes((folder / "one.npz").read_bytes())
    with pytest.raises(GoldenError, match="another golden's"):
        store.load("test_x/two")


def test_a_golden_that_is_a_folder_is_said(store):
    (store.folder / "test_x/seven.json").mkdir(parents=True)
    with pytest.raises(GoldenError, match="cannot be read"):
        store.load("test_x/seven")


def test_files_of_others_are_no_goldens(store, make_golden):
    store.save(make_golden())
    for name in (".hidden.json", "a b.json", "x.decided", "notes.txt"):
        (store.folder / "test_x" / name).write_text("{}")
    assert store.ids() == ["test_x/seven"]
