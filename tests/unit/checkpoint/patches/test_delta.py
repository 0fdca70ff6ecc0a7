"""A delta declares its keys, shapes and dtypes: they are those of its base, or it is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from pytest_vlm.checkpoint.files.safetensors_header import read_header
from pytest_vlm.checkpoint.files.weights import Stored, stored_tensors
from pytest_vlm.checkpoint.patches.delta import Delta
from pytest_vlm.errors import CheckpointError

NORM = "model.norm.weight"


def check(path: Path, base: Path) -> None:
    Delta.read(path).check(stored_tensors([read_header(base / "model.safetensors")]))


def test_knows_its_tensors(base, save_delta):
    delta = Delta.read(save_delta())
    assert delta.tensors == {NORM: Stored("F16", (4,))}
    assert delta.said.source == "base"
    assert delta.what == "a delta of 1 tensor"
    check(delta.path, base)


@pytest.mark.parametrize("suffix", [".pt", ".pth", ".bin"])
def test_a_pickled_one_says_the_same(base, save_delta, suffix):
    path = base.parent / f"delta{suffix}"
    torch.save({NORM: torch.zeros(4, dtype=torch.float16)}, path)
    assert Delta.read(path).tensors == Delta.read(save_delta()).tensors
    check(path, base)
    assert Delta.read(path).said.source == ""
    path.with_suffix(".json").write_text('{"base": "base", "base_fingerprint": "abc"}')
    assert Delta.read(path).said.source == "base"
    assert Delta.read(path).said.fingerprint == "abc"


@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        ({}, "holds no tensor, so it would change nothing"),
        (
            {NORM: np.zeros(4, np.float16), "b": np.zeros(1), "a": np.zeros(1)},
            "2 of its 3 tensors are not in the base, such as a; .* such as model.layers.0.q_proj",
        ),
        ({"norm": np.zeros(4, np.float16)}, "1 of its 1 tensor is not in the base, such as norm"),
        (
            {NORM: np.zeros(4, np.float32)},
            r"1 of its 1 tensor is of another dtype or shape .*: F32 \[4\], in the base F16 \[4\]",
        ),
        ({NORM: np.zeros(5, np.float16)}, r"F16 \[5\], in the base F16 \[4\]"),
    ],
)
def test_a_delta_of_another_base_is_refused_with_counts(base, save_delta, tensors, message):
    with pytest.raises(CheckpointError, match=message):
        check(save_delta(tensors), base)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([torch.zeros(1)], "holds a list, not tensors by name"),
        (torch.zeros(1), "holds a PickledTensor, not tensors by name"),
        ({"step": 3, NORM: torch.zeros(1)}, "holds more than tensors by name: 'step'"),
        ({"model": {NORM: torch.zeros(1)}}, "holds more than tensors by name: 'model'"),
        ({3: torch.zeros(1)}, "holds more than tensors by name: names that are no text"),
        ({}, "holds no tensor"),
    ],
)
def test_a_pickled_one_holds_tensors_by_name(tmp_path, content, message):
    torch.save(content, tmp_path / "delta.pt")
    with pytest.raises(CheckpointError, match=message):
        Delta.read(tmp_path / "delta.pt")
