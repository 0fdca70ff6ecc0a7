"""Weights that are not weights are refused before anything is loaded."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_vlm.checkpoint.files.safetensors_header import read_header
from pytest_vlm.errors import CheckpointError

safetensors = pytest.importorskip("safetensors.numpy")

TENSORS = {"a": np.zeros((2, 3), np.float32), "b": np.ones(5, np.float16)}


@pytest.fixture
def weights(tmp_path):
    path = tmp_path / "model.safetensors"
    safetensors.save_file(TENSORS, path, metadata={"format": "pt"})
    return path


def with_header(content: bytes, tail: bytes = b"") -> bytes:
    return len(content).to_bytes(8, "little") + content + tail


def test_reads_shapes_dtypes_and_sizes(weights):
    header = read_header(weights)
    assert header.shapes == {"a": (2, 3), "b": (5,)}
    assert header.dtypes == {"a": "F32", "b": "F16"}
    assert (header.parameters, header.bytes) == (11, 34)
    assert header.metadata == {"format": "pt"}


def test_a_file_without_tensors_is_complete(tmp_path):
    path = tmp_path / "none.safetensors"
    path.write_bytes(with_header(b"{}"))
    assert read_header(path).parameters == 0


@pytest.mark.parametrize("cut", [1, 20, 34])
def test_a_truncated_file_is_refused_with_both_sizes(weights, cut):
    data = weights.read_bytes()
    weights.write_bytes(data[:-cut])
    message = f"is {len(data) - cut} bytes, its header needs {len(data)}: an incomplete copy"
    with pytest.raises(CheckpointError, match=message):
        read_header(weights)


def test_an_extra_tail_is_refused(weights):
    weights.write_bytes(weights.read_bytes() + b"\0")
    with pytest.raises(CheckpointError, match="an incomplete copy"):
        read_header(weights)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", r"is not a complete safetensors file \(0 bytes\); copy it again"),
        (b"\1\0\0", r"is not a complete safetensors file \(3 bytes\)"),
        ((2**40).to_bytes(8, "little") + b"{}", "is not a complete safetensors file"),
        ((300).to_bytes(8, "little") + b"{}", "is not a complete safetensors file"),
        (
            b"version https://git-lfs.github.com/spec/v1\noid",
            "a Git LFS pointer, not weights; run: git lfs pull",
        ),
        (b"<!DOCTYPE html><html><head>", "is a web page, not weights"),
        (b"<html><head></head></html>", "is a web page, not weights"),
        (with_header(b"{nonsense}"), "has a damaged safetensors header"),
        (with_header(b"\xff\xff"), "has a damaged safetensors header"),
        (with_header(b"[1]"), "has a damaged safetensors header"),
        (with_header(b'{"a": {}}'), "has a damaged safetensors header"),
        (with_header(b'{"a": [1]}'), "has a damaged safetensors header"),
        (with_header(b"[" * 100_000), "has a damaged safetensors header"),
        (
            with_header(b'{"a": {"dtype": "F32", "shape": ["x"], "data_offsets": [0, 0]}}'),
            "has a damaged safetensors header",
        ),
        (
            with_header(b'{"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, "4"]}}'),
            "has a damaged safetensors header",
        ),
    ],
    ids=[
        "empty",
        "three bytes",
        "length beyond reason",
        "length beyond the file",
        "git lfs",
        "doctype",
        "html",
        "no json",
        "no text",
        "list",
        "empty entry",
        "entry is a list",
        "nested",
        "shape is text",
        "offset is text",
    ],
)
def test_refuses_what_is_not_safetensors(tmp_path, data, message):
    path = tmp_path / "model.safetensors"
    path.write_bytes(data)
    with pytest.raises(CheckpointError, match=message):
        assert read_header(path).parameters


def test_a_length_that_lies_is_refused(weights):
    data = weights.read_bytes()
    length = int.from_bytes(data[:8], "little")
    weights.write_bytes((length - 8).to_bytes(8, "little") + data[8:])
    with pytest.raises(CheckpointError, match="damaged safetensors header"):
        read_header(weights)


def test_offsets_beyond_the_file_are_refused(tmp_path):
    entry = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
    path = tmp_path / "model.safetensors"
    path.write_bytes(with_header(json.dumps({"a": entry}).encode(), b"\0" * 4))
    with pytest.raises(CheckpointError, match="an incomplete copy"):
        read_header(path)


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    path = tmp_path_factory.mktemp("fuzz") / "model.safetensors"
    safetensors.save_file(TENSORS, path, metadata={"format": "pt"})
    return path.read_bytes()


def library_reads(data: bytes) -> bool:
    try:
        safetensors.load(data)
    except Exception:
        return False
    return True


@given(damage=st.data())
def test_damage_is_refused_or_leaves_a_file_that_the_library_reads(
    original, tmp_path_factory, damage
):
    data = bytearray(original[: damage.draw(st.integers(0, len(original)), label="length")])
    places = st.tuples(st.integers(0, max(len(data) - 1, 0)), st.integers(0, 255))
    for place, value in damage.draw(st.lists(places, max_size=4), label="bytes") if data else ():
        data[place] = value
    path = tmp_path_factory.mktemp("damaged") / "model.safetensors"
    path.write_bytes(data)
    try:
        header = read_header(path)
    except CheckpointError as error:
        assert str(path) in str(error)
    else:
        assert header.bytes < len(data)
        assert library_reads(bytes(data))


@given(
    entries=st.dictionaries(
        st.text(max_size=5),
        st.fixed_dictionaries(
            {
                "dtype": st.sampled_from(["F32", "F16", "X", "", None]),
                "shape": st.lists(st.integers(-1, 2**70), max_size=3) | st.none(),
                "data_offsets": st.lists(st.integers(-2, 2**70), max_size=3),
            }
        )
        | st.none(),
        max_size=3,
    )
)
def test_invented_headers_are_refused_or_read_by_the_library(tmp_path_factory, entries):
    data = with_header(json.dumps(entries).encode())
    path = tmp_path_factory.mktemp("invented") / "model.safetensors"
    path.write_bytes(data)
    try:
        read_header(path)
    except CheckpointError:
        return
    assert library_reads(data)
