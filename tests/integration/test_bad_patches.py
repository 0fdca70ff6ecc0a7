"""Deltas, adapters, registries and addresses that are damaged, mistaken or hostile.

Each is refused by name, nothing is run, and nothing large is allocated. One process without torch
looks into all of them, as the command line names them.
"""

from __future__ import annotations

import json
import os
import pickle
import re
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from refused import Rows, look_at
from safetensors.numpy import save_file

MIB = 2**20
CONFIG = {
    "peft_type": "LORA",
    "base_model_name_or_path": "../base",
    "r": 2,
    "lora_alpha": 4,
    "target_modules": ["q_proj"],
}
MODULE = "layers.0.q_proj"
PAIR = {
    f"base_model.model.{MODULE}.lora_A.weight": np.ones((2, 4), np.float32),
    f"base_model.model.{MODULE}.lora_B.weight": np.ones((6, 2), np.float32),
}
WEIGHTS = {f"{MODULE}.weight": np.ones((6, 4), np.float32), "norm.weight": np.ones(4, np.float32)}
NORM = {"norm.weight": np.zeros(4, np.float32)}
IMPORTS = """
from pytest_vlm.checkpoint.catalog import CheckpointCatalog
from pytest_vlm.checkpoint.spec import parse_checkpoint
"""
STATEMENT = "CheckpointCatalog(in_folders=True).folder(parse_checkpoint(given))"

ROWS = Rows()
row = ROWS.add


def write(path: Path, content: object) -> None:
    path.write_text(json.dumps(content), encoding="utf-8")


def make_base(folder: Path) -> None:
    folder.mkdir(parents=True)
    write(folder / "config.json", {"architectures": ["A"], "model_type": "qwen3_vl"})
    write(folder / "tokenizer.json", {"model": {"vocab": {"a": 0}}})
    save_file(WEIGHTS, folder / "model.safetensors")


def delta(folder: Path, tensors: dict[str, np.ndarray] = NORM, **metadata: str) -> str:
    save_file(tensors, folder / "delta.safetensors", metadata={"base": "base"} | metadata)
    return f"B={folder / 'delta.safetensors'}"


def raw_delta(folder: Path, header: bytes, data: bytes = b"") -> str:
    path = folder / "delta.safetensors"
    path.write_bytes(struct.pack("<Q", len(header)) + header + data)
    return f"B={path}?base={folder / 'base'}"


def pickled(folder: Path, content: object) -> str:
    torch.save(content, folder / "delta.pt")
    return f"B={folder / 'delta.pt'}?base={folder / 'base'}"


def adapter(folder: Path, tensors: dict[str, np.ndarray] = PAIR, **changes: object) -> str:
    path = folder / "adapter"
    path.mkdir()
    write(path / "adapter_config.json", CONFIG | changes)
    save_file(tensors, path / "adapter_model.safetensors")
    return f"B={path}"


def marker(folder: Path) -> Path:
    return folder / "marker"


class Runs:
    """Pickled, it writes the marker when somebody loads it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self.path}",)


# Deltas


@row(r"delta\.safetensors is not a complete safetensors file \(0 bytes\)")
def a_delta_of_0_bytes(folder: Path) -> str:
    (folder / "delta.safetensors").touch()
    return f"B={folder / 'delta.safetensors'}?base={folder / 'base'}"


@row(r"delta\.safetensors holds no tensor, so it would change nothing")
def a_delta_of_no_tensors(folder: Path) -> str:
    return delta(folder, {})


@row(r"damaged safetensors header \(.*the key 'norm\.weight' is there twice")
def a_delta_with_a_tensor_twice(folder: Path) -> str:
    one = b'"norm.weight": {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}'
    return raw_delta(folder, b"{" + one + b"," + one + b"}", bytes(16))


@row(r"damaged safetensors header \(.*NaN is no number")
def a_delta_with_nan_in_its_metadata(folder: Path) -> str:
    return raw_delta(folder, b'{"__metadata__": {"epoch": NaN}}')


@row(r"1 of its 1 tensor is of another dtype .*F16 \[4\], in the base F32 \[4\]")
def a_delta_of_another_dtype(folder: Path) -> str:
    return delta(folder, {"norm.weight": np.zeros(4, np.float16)})


@row(r"1 of its 2 tensors is not in the base, such as nrom\.weight")
def a_delta_with_a_typing_error(folder: Path) -> str:
    return delta(folder, NORM | {"nrom.weight": np.zeros(4, np.float32)})


@row(r"delta\.pt holds more than tensors, its pickle names posix\.system")
def a_delta_that_runs_a_command(folder: Path) -> str:
    return pickled(folder, {"norm.weight": torch.zeros(4), "x": Runs(marker(folder))})


@row(r"a tensor of 1,099,511,627,776 values over a storage of 1")
def a_delta_that_is_expanded(folder: Path) -> str:
    return pickled(folder, {"norm.weight": torch.zeros(1).expand(2**40)})


@row(r"the fingerprint 'deadbeef', but that of .*another base")
def a_delta_of_an_earlier_base(folder: Path) -> str:
    return delta(folder, base_fingerprint="deadbeef")


@row(r"is a delta over itself, says its own files")
def a_delta_over_itself(folder: Path) -> str:
    return delta(folder, base="delta.safetensors")


@row(r"other\.safetensors, the base of .*, is a delta or an adapter itself")
def a_delta_over_a_delta(folder: Path) -> str:
    save_file(NORM, folder / "other.safetensors", metadata={"base": "base"})
    return delta(folder, base="other.safetensors")


@row(r"loop is a link in a circle")
def a_base_that_is_a_link_in_a_circle(folder: Path) -> str:
    (folder / "loop").symlink_to("loop")
    return delta(folder, base="loop")


@row(r"is a pipe, not a file")
def a_delta_that_is_a_pipe(folder: Path) -> str:
    os.mkfifo(folder / "delta.safetensors")
    return f"B={folder / 'delta.safetensors'}?base={folder / 'base'}"


@row(r"delta\.json has 1,073,741,824 bytes; such a file has at most 67,108,864")
def a_description_of_a_gigabyte(folder: Path) -> str:
    text = delta(folder)
    (folder / "delta.json").touch()
    os.truncate(folder / "delta.json", 2**30)
    return text


# Adapters


@row(r"says r = 1000000000, but layers\.0\.q_proj has a rank of 2")
def an_adapter_of_a_rank_of_a_billion(folder: Path) -> str:
    return adapter(folder, r=10**9)


@row(r"adapter is an adapter over itself, says its own files")
def an_adapter_over_itself(folder: Path) -> str:
    return adapter(folder, base_model_name_or_path=".")


@row(r"adapter_model\.bin holds more than tensors, its pickle names posix\.system")
def an_adapter_with_a_pickle_that_runs_a_command(folder: Path) -> str:
    text = adapter(folder)
    (folder / "adapter/adapter_model.safetensors").unlink()
    torch.save(
        {"w": torch.ones(1), "x": Runs(marker(folder))}, folder / "adapter/adapter_model.bin"
    )
    return text


@row(r"has only pickled weights \(adapter_model\.bin\), which can run code when loaded")
def an_adapter_with_an_honest_pickle(folder: Path) -> str:
    text = adapter(folder)
    (folder / "adapter/adapter_model.safetensors").unlink()
    torch.save({"w": torch.ones(1)}, folder / "adapter/adapter_model.bin")
    return text


@row(r"has megatron_config = .*, which imports a module")
def an_adapter_that_imports_a_module(folder: Path) -> str:
    (folder / "evil.py").write_text(f"open({str(marker(folder))!r}, 'w')\n")
    return adapter(folder, megatron_config={"a": 1}, megatron_core="evil")


@row(r"has an auto_mapping to the module 'evil', which would be imported")
def an_adapter_that_maps_to_a_module(folder: Path) -> str:
    return adapter(folder, auto_mapping={"parent_library": "evil", "base_model_class": "E"})


@row(r"adapter_model\.safetensors is a link out of its folder")
def an_adapter_whose_weights_are_elsewhere(folder: Path) -> str:
    text = adapter(folder)
    path = folder / "adapter/adapter_model.safetensors"
    path.rename(folder / "outside.safetensors")
    path.symlink_to(folder / "outside.safetensors")
    return text


@row(r"1 of its 1 module is of another size in the base, such as layers\.0\.q_proj")
def an_adapter_of_another_size(folder: Path) -> str:
    name = f"base_model.model.{MODULE}.lora_B.weight"
    return adapter(folder, PAIR | {name: np.ones((7, 2), np.float32)})


@row(r"target_modules the pattern '\(a\|a\)\*\$', which may take for ever")
def an_adapter_with_a_pattern_that_takes_for_ever(folder: Path) -> str:
    return adapter(folder, target_modules="(a|a)*$")


@row(r"brings its own tokenizer, not that of its base")
def an_adapter_with_a_tokenizer_of_its_own(folder: Path) -> str:
    text = adapter(folder)
    write(folder / "adapter/tokenizer.json", {"model": {"vocab": {"b": 0}}})
    return text


@row(r"would run the code of a base that only the adapter's own files name, '[^']*/base'")
def an_adapter_that_has_the_code_of_its_base_trusted(folder: Path) -> str:
    return f"{adapter(folder)}?trust_remote_code=yes"


# What lies elsewhere


@row(r"'models:/\.\./base' names no registered model; write models:/NAME/VERSION")
def a_registered_model_that_leads_upwards(folder: Path) -> str:
    return "B=models:/../base"


@row(r"holds a secret, which would end up in reports")
def an_address_with_a_password(folder: Path) -> str:
    return "B=http://me:sesame@127.0.0.1:1/v1#m"


@row(r"base is a folder or a hub id")
def a_base_on_a_server(folder: Path) -> str:
    return f"{delta(folder)}?base=http://127.0.0.1:1/v1"


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a process without torch says of every row."""
    texts, folders = {}, {}
    for name, (build, _) in {"a delta": (delta, ""), "an adapter": (adapter, ""), **ROWS}.items():
        folder = tmp_path_factory.mktemp("row") / name.replace(" ", "_")
        make_base(folder / "base")
        texts[name], folders[name] = build(folder), folder
    rows = tmp_path_factory.mktemp("rows")
    said = look_at(texts, rows, imports=IMPORTS, statement=STATEMENT)
    for name, folder in folders.items():
        said[name]["ran"] = marker(folder).exists()
    return said


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="measures as Linux does")
@pytest.mark.parametrize("name", ROWS)
def test_is_refused_by_name_without_running_it_in_little_memory(found, name):
    said = found[name]
    assert said["kind"] in ("CheckpointError", "SettingsError"), said
    assert re.search(ROWS[name][1], said["message"]), said["message"]
    assert len(said["message"]) < 1000
    assert said["message"].isprintable()
    assert "sesame" not in said["message"]
    assert not said["ran"]
    assert said["peak"] < 100 * MIB


@pytest.mark.parametrize("name", ["a delta", "an adapter"])
def test_good_ones_are_accepted_without_torch(found, name):
    assert found[name]["kind"] == "accepted", found[name]
    assert found[""] == {"torch": False, "peft": False}


def test_the_marker_would_be_written(tmp_path):
    pickle.loads(pickle.dumps(Runs(marker(tmp_path))))
    assert marker(tmp_path).exists()
