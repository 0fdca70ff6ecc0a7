"""Honest ``.pt`` files pass; anything else is refused without being run."""

from __future__ import annotations

import pickle
import zipfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_vlm.checkpoint.files.pickled import check_pickled
from pytest_vlm.errors import CheckpointError

DTYPES = {
    torch.float32: ("F32", 4),
    torch.bfloat16: ("BF16", 2),
    torch.int64: ("I64", 8),
    torch.bool: ("BOOL", 1),
    torch.complex64: ("C64", 8),
}


def saved(folder: Path, content: object) -> Path:
    torch.save(content, folder / "x.pt")
    return folder / "x.pt"


def tensors(content: object) -> Iterator[torch.Tensor]:
    if isinstance(content, torch.Tensor):
        yield content
    elif isinstance(content, dict):
        for value in content.values():
            yield from tensors(value)


def stored_values(path: Path) -> Counter[str]:
    """What torch reads, counted by dtype; a storage that several tensors look at counts once."""
    storages = {
        tensor.untyped_storage().data_ptr(): (DTYPES[tensor.dtype], tensor.untyped_storage())
        for tensor in tensors(torch.load(path, weights_only=True))
    }
    counts: Counter[str] = Counter()
    for (name, size), storage in storages.values():
        counts[name] += storage.nbytes() // size
    return counts


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"w": torch.ones(2, 3), "step": 7, "rate": 1e-3, "name": "a", "flags": [True, None]},
        {"model": {"w": torch.ones(2, 3, dtype=torch.bfloat16)}, "epoch": 2**40},
        torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.BatchNorm1d(3)).state_dict(),
        {"w": torch.nn.Parameter(torch.ones(4))},
        {"view": torch.arange(12).reshape(3, 4).T[1:, ::2]},
        {"empty": torch.ones(0, 7), "number": torch.tensor(1.0), "flag": torch.ones(3).bool()},
        {"complex": torch.ones(2, dtype=torch.complex64)},
    ],
    ids=["nothing", "values", "nested", "module", "parameter", "view", "empty", "complex"],
)
def test_tensors_and_plain_values_pass(tmp_path, content):
    path = saved(tmp_path, content)
    assert Counter(check_pickled(path)) == stored_values(path)


def test_stored_values_are_counted_once_by_dtype(tmp_path):
    shared = torch.ones(10, dtype=torch.float16)
    content = {"a": shared, "b": shared[2:], "n": torch.arange(3), "empty": torch.ones(0)}
    assert check_pickled(saved(tmp_path, content)) == {"F16": 10, "I64": 3, "F32": 0}


def with_pickle(path: Path, content: bytes) -> Path:
    with zipfile.ZipFile(path) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in entries.items():
            archive.writestr(name, content if name.endswith("data.pkl") else data)
    return path


@pytest.mark.parametrize(
    "content",
    [
        b"\x80\x02ccollections\nOrderedDict\n}(X\x05\x00\x00\x00clearK\x01ub.",
        b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n}(X\x04\x00\x00\x00keptK\x01ub.",
        b"\x80\x02ctorch._utils\n_rebuild_parameter\n}(X\x01\x00\x00\x00xK\x01ub.",
        b"\x80\x02ctorch\nFloatStorage\n)R.",
        b"\x80\x02K\x01)R.",
        b"\x80\x02K\x01Q.",
        b"\x80\x02ccollections\nOrderedDict.fromkeys\n.",
        b"\x80\x02.",
        b"",
    ],
)
def test_tricks_are_refused(tmp_path, content):
    with pytest.raises(CheckpointError, match=r"x\.pt (has a damaged|holds more than)"):
        check_pickled(with_pickle(saved(tmp_path, {"w": torch.ones(2)}), content))


def test_every_refused_name_is_listed(tmp_path):
    class Two:
        def __reduce__(self):
            return print, (Path,)

    with zipfile.ZipFile(tmp_path / "x.pt", "w") as archive:
        archive.writestr("x/data.pkl", pickle.dumps(Two(), 2))
    with pytest.raises(CheckpointError, match=r"names __builtin__\.print, pathlib\.Path"):
        check_pickled(tmp_path / "x.pt")


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    return saved(tmp_path_factory.mktemp("fuzz"), {"w": torch.arange(12.0), "n": 1}).read_bytes()


@settings(deadline=None)
@given(damage=st.data())
def test_damage_is_refused_or_harmless(original, tmp_path_factory, damage):
    data = bytearray(original[: damage.draw(st.integers(0, len(original)), label="length")])
    places = st.tuples(st.integers(0, max(len(data) - 1, 0)), st.integers(0, 255))
    for place, value in damage.draw(st.lists(places, max_size=4), label="bytes") if data else ():
        data[place] = value
    path = tmp_path_factory.mktemp("damaged") / "x.pt"
    path.write_bytes(data)
    try:
        check_pickled(path)
    except CheckpointError as error:
        assert str(path) in str(error)


@settings(deadline=None)
@given(place=st.integers(0, 10_000), value=st.integers(0, 255))
def test_a_damaged_pickle_is_refused_or_harmless(original, tmp_path_factory, place, value):
    path = tmp_path_factory.mktemp("damaged") / "x.pt"
    path.write_bytes(original)
    with zipfile.ZipFile(path) as archive:
        content = bytearray(archive.read(next(n for n in archive.namelist() if "data.pkl" in n)))
    content[place % len(content)] = value
    try:
        check_pickled(with_pickle(path, bytes(content)))
    except CheckpointError as error:
        assert str(path) in str(error)
