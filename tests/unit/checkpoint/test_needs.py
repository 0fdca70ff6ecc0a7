"""What a folder needs, from its files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from pytest_vlm.checkpoint.folder import inspect_folder
from pytest_vlm.checkpoint.needs import find_need, find_shared
from pytest_vlm.checkpoint.patches.patch import Patch
from pytest_vlm.checkpoint.spec import CheckpointSpec
from pytest_vlm.memory.estimate import Prompt
from pytest_vlm.settings import GenerationSettings, LoadSettings

DIGITS = Path(__file__).parents[3] / "app" / "digits" / "checkpoints" / "strong"
BYTES = sum(values.nbytes for values in load_file(DIGITS / "model.safetensors").values())
A, B = (CheckpointSpec(name=name, source=str(DIGITS)) for name in "AB")
HALF = replace(B, load=LoadSettings(dtype="bfloat16"))


@pytest.fixture(scope="module")
def folder():
    return inspect_folder(DIGITS)


@pytest.fixture
def patched(folder, tmp_path):
    file = tmp_path / "delta.safetensors"
    save_file({"lm_head.weight": np.zeros((10, 10), np.float32)}, file)
    return replace(folder, patch=Patch(kind="delta", path=file))


def test_a_folder_needs_its_weights_and_room_to_answer(folder):
    need = find_need(A, folder, GenerationSettings(), Prompt(words=20, pixels=[64 * 64]))
    assert need.weights == BYTES
    assert need.cache and need.activations


def test_a_patched_one_needs_its_base_and_the_patch(patched):
    assert find_need(A, patched, GenerationSettings(), None).weights == BYTES + 400


def test_two_of_one_base_share_it_where_they_are_loaded_alike(folder, patched, tmp_path):
    assert find_shared(A, patched, B, folder) == BYTES
    assert find_shared(A, patched, HALF, folder) == 0
    assert find_shared(A, patched, B, replace(folder, path=tmp_path)) == 0
