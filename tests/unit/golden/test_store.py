"""Goldens as files: complete, old or new, never in between."""

from __future__ import annotations

import json
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest

from pytest_vlm.errors import GoldenError
from pytest_vlm.golden.store import GoldenStore
from pytest_vlm.heatmap.heatmap import Heatmap


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


def test_what_is_saved_is_loaded(store, make_golden):
    saved = make_golden()
    store.save(saved)
    loaded = store.load(saved.id)
    assert loaded is not None
    assert (loaded.id, loaded.picture) == (saved.id, saved.picture)
    assert loaded.provenance == saved.provenance
    for layer in ("values", "boxes", "media", "frame"):
        one, other = getattr(loaded.heatmap, layer), getattr(saved.heatmap, layer)
        assert np.array_equal(one, other)
        assert one.dtype == other.dtype
    assert loaded.heatmap.method == "attention"


def test_a_golden_is_three_files_named_after_it(store, make_golden):
    store.save(make_golden("test_x.test_y/v1.2"))
    folder = "test_x.test_y/v1.2"
    assert set(files(store)) == {f"{folder}.npz", f"{folder}.json", f"{folder}.png"}
    assert json.loads(files(store)[f"{folder}.json"])["answer"] == "7 é"


def test_lists_ids_in_order_with_dots_in_their_names(store, make_golden):
    ids = ["test_a/v1.2", "test_a/v1.10", "test_a.test_b/x"]
    for id in ids:
        store.save(make_golden(id))
    assert store.ids() == sorted(ids)
    assert all(store.load(id) for id in store.ids())


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


@pytest.mark.parametrize(
    "id",
    [
        "",
        "seven",
        "test_x/",
        "/seven",
        "/etc/passwd",
        "../out/seven",
        "test_x/..",
        "test_x/../seven",
        "../seven",
        "test_x/a/b",
        "test_x/.hidden",
        "test_x/a\\b",
        "test_x/a b",
        "test_x/a\n",
        "test_x/a\0",
        "test_x/é",
    ],
)
def test_refuses_names_that_could_lead_elsewhere(store, make_golden, id):
    for use in (store.load, store.delete, lambda id: store.save(make_golden(id))):
        with pytest.raises(GoldenError, match="no name for a golden"):
            use(id)
    assert not store.folder.exists()


def test_a_failing_first_write_leaves_no_file(store, make_golden):
    with full_disk(100), pytest.raises(OSError, match="File too large"):
        store.save(make_golden())
    assert files(store) == {}
    assert store.ids() == []


def test_a_failing_write_of_the_map_leaves_no_half_golden(store, make_golden):
    noise = np.random.default_rng(0).random((64, 64))
    large = Heatmap.of_grid(noise, size=(64, 64), method="attention")
    with full_disk(8_000), pytest.raises(OSError, match="File too large"):
        store.save(make_golden(heatmap=large, picture=b"small"))
    assert store.load("test_x/seven") is None
    assert not [name for name in files(store) if name.endswith(".part")]


def test_a_failing_write_keeps_the_old_golden(store, make_golden, provenance):
    old = make_golden(picture=b"old")
    store.save(old)
    before = files(store)
    noise = np.random.default_rng(0).random((64, 64))
    new = make_golden(
        heatmap=Heatmap.of_grid(noise, size=(64, 64), method="attention"),
        picture=b"new",
        provenance=replace(provenance, answer="8"),
    )
    with full_disk(8_000), pytest.raises(OSError, match="File too large"):
        store.save(new)
    assert files(store) == before


def break_one_byte(data: bytes) -> bytes:
    middle = data.index(b"PK", 4) // 2
    return data[:middle] + bytes([data[middle] ^ 0xFF]) + data[middle + 1 :]


@pytest.mark.parametrize(
    ("suffix", "damage"),
    [
        (".npz", lambda data: data[: len(data) // 2]),
        (".npz", lambda data: b""),
        (".npz", lambda data: b"version https://git-lfs.github.com/spec/v1\n"),
        (".npz", break_one_byte),
        (".json", lambda data: data[:-10]),
        (".json", lambda data: b"[]"),
        (".json", lambda data: b'{"sample_id": "1"}'),
        (".json", lambda data: data.replace(b'"device"', b'"gadget"')),
        (".json", lambda data: "é".encode("latin-1")),
        (".json", None),
        (".png", None),
    ],
)
def test_a_damaged_golden_is_named_with_what_to_do(store, make_golden, suffix, damage):
    store.save(make_golden())
    path = store.folder / f"test_x/seven{suffix}"
    if damage is None:
        path.unlink()
    else:
        path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(GoldenError, match=r"test_x/seven\.npz cannot be read .*; restore it"):
        store.load("test_x/seven")


def test_any_damage_to_the_map_is_a_golden_error_or_harmless(store, make_golden):
    store.save(make_golden())
    accepted = store.load("test_x/seven").heatmap
    path = store.folder / "test_x/seven.npz"
    data = path.read_bytes()
    for position in range(len(data)):
        path.write_bytes(data[:position] + bytes([data[position] ^ 0x55]) + data[position + 1 :])
        try:
            loaded = store.load("test_x/seven").heatmap
        except GoldenError:
            continue
        assert np.array_equal(loaded.values, accepted.values), position
        assert np.array_equal(loaded.boxes, accepted.boxes), position


def test_a_map_with_a_layer_missing_is_refused(store, make_golden):
    store.save(make_golden())
    np.savez(store.folder / "test_x/seven.npz", values=np.ones(4, np.float32))
    with pytest.raises(GoldenError, match="boxes"):
        store.load("test_x/seven")
