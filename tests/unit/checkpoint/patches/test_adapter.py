"""An adapter of PEFT: what its two files claim, held against each other and against the base."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pytest_vlm.checkpoint.files.weights import Stored, read_headers, stored_tensors
from pytest_vlm.checkpoint.patches.adapter import Adapter
from pytest_vlm.errors import CheckpointError

Q_PROJ = "base_model.model.model.layers.0.q_proj"


def pair(
    module: str = Q_PROJ, *, r: int = 2, inner: int = 4, outer: int = 6
) -> dict[str, np.ndarray]:
    return {
        f"{module}.lora_A.weight": np.ones((r, inner), np.float32),
        f"{module}.lora_B.weight": np.ones((outer, r), np.float32),
    }


def check(path: Path, base: Path) -> Adapter:
    adapter = Adapter.read(path)
    adapter.check(stored_tensors(read_headers(base)))
    return adapter


def test_knows_its_modules(base, save_adapter):
    adapter = Adapter.read(save_adapter(revision="v1"))
    assert adapter.modules == {
        "model.layers.0.q_proj": {"lora_A": Stored("F32", (2, 4)), "lora_B": Stored("F32", (6, 2))}
    }
    assert (adapter.said.source, adapter.said.revision) == ("../base", "v1")
    check(adapter.path, base)


@pytest.mark.parametrize("prefix", ["model.language_model.", "language_model.model.", ""])
def test_a_model_may_call_its_modules_otherwise_than_its_files(base, save_adapter, prefix):
    name = f"base_model.model.{prefix}layers.0.q_proj"
    assert list(check(save_adapter(pair(name)), base).modules) == [f"{prefix}layers.0.q_proj"]


@pytest.mark.parametrize(
    "changes",
    [
        {"target_modules": "all-linear"},
        {"target_modules": r"^(?!.*patch_embed).*(?:q_proj|k_proj).*"},
        {"target_modules": ["model.layers.0.q_proj"]},
        {
            "r": 8,
            "rank_pattern": {"q_proj": 2, "v_proj": 8},
            "target_modules": ["q_proj", "v_proj"],
        },
        {"init_lora_weights": "gaussian"},
        {"auto_mapping": None, "use_dora": True},
    ],
)
def test_what_peft_writes_is_taken(base, save_adapter, changes):
    tensors = pair()
    if "rank_pattern" in changes:
        tensors |= pair("base_model.model.model.layers.0.v_proj", r=8, outer=2)
    asked = {name.removeprefix("base_model.model.").partition(".lora")[0] for name in tensors}
    assert check(save_adapter(tensors, **changes), base).modules.keys() == asked


def test_modules_that_are_saved_as_a_whole_are_taken(base, save_adapter):
    head = {"base_model.model.lm_head.weight": np.ones((9, 4), np.float32)}
    path = save_adapter(pair() | head, modules_to_save=["lm_head"])
    assert Adapter.read(path).added["lm_head.weight"] == Stored("F32", (9, 4))
    with pytest.raises(CheckpointError, match=r"1 of its 3 tensors are not LORA's .*lm_head"):
        Adapter.read(save_adapter(pair() | head))


@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        (pair("base_model.model.model.layers.7.q_proj"), "1 of its 1 module is not in the base"),
        (pair(inner=5), "1 of its 1 module is of another size in the base, such as model.layers.0"),
        (pair(outer=5), "of another size in the base"),
    ],
)
def test_an_adapter_of_another_base_is_refused_with_counts(base, save_adapter, tensors, message):
    with pytest.raises(CheckpointError, match=message):
        check(save_adapter(tensors), base)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"peft_type": "XLORA"}, "of the type 'XLORA'; known are LORA, ADALORA, LOHA, LOKR"),
        ({"peft_type": ["LORA"]}, "of the type"),
        ({"peft_type": None}, "of the type 'None'"),
        ({"r": 10**9}, "says r = 1000000000, but model.layers.0.q_proj has a rank of 2"),
        ({"r": 10**9, "rank_pattern": {"q_proj": 2}}, "says r = 1000000000, but no tensor"),
        ({"r": 2, "rank_pattern": {"x": 10**9}}, "says r = 1000000000, but no tensor"),
        ({"r": "2"}, "has r = '2', which is no such number"),
        ({"r": -1}, "has r = '-1', which is no such number"),
        ({"r": True}, "has r = 'True', which is no such number"),
        ({"lora_alpha": float("inf")}, "has lora_alpha = 'inf', which is no such number"),
        ({"bias": "all"}, "has bias = 'all': it writes over the biases of its base"),
        ({"megatron_config": {"a": 1}, "megatron_core": "os"}, "has megatron_config"),
        ({"layer_replication": [[0, 1]] * 9}, "has layer_replication"),
        ({"target_parameters": ["experts"]}, "has target_parameters"),
        ({"init_lora_weights": "pissa"}, "init_lora_weights = 'pissa': its base was changed"),
        ({"init_lora_weights": "loftq"}, "init_lora_weights = 'loftq': its base was changed"),
        ({"auto_mapping": {"parent_library": "os"}}, "an auto_mapping to the module 'os'"),
        ({"auto_mapping": {"parent_library": "transformersx.y"}}, "an auto_mapping to the module"),
        ({"target_modules": "(a+)+$"}, r"target_modules the pattern '\(a\+\)\+\$', which may take"),
        ({"alpha_pattern": {"(a*)*": 1}}, "alpha_pattern the pattern"),
        (
            {"target_modules": ["k_proj"]},
            "1 of the 1 module that have weights are not in its target",
        ),
    ],
)
def test_a_configuration_that_nothing_should_load(save_adapter, changes, message):
    with pytest.raises(CheckpointError, match=message):
        Adapter.read(save_adapter(**changes))


@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        ({}, "holds no tensor"),
        ({"x": np.ones(1)}, "1 of its 1 tensor are no adapter's, such as x"),
        (
            dict([*pair().items()][:1]),
            "has of model.layers.0.q_proj lora_A or lora_B, but not both",
        ),
        (
            {**pair(), f"{Q_PROJ}.lora_B.weight": np.ones((6, 3), np.float32)},
            r"lora_A \[2, 4\] and lora_B \[6, 3\], which do not fit together",
        ),
        ({**pair(), f"{Q_PROJ}.lora_A.weight": np.ones(2, np.float32)}, "do not fit together"),
        ({**pair(), f"{Q_PROJ}.bias": np.ones(6, np.float32)}, "1 of its 3 tensors are not LORA's"),
    ],
)
def test_weights_that_are_no_adapters(save_adapter, tensors, message):
    with pytest.raises(CheckpointError, match=message):
        Adapter.read(save_adapter(tensors))


def test_weights_that_are_not_there(save_adapter):
    path = save_adapter()
    (path / "adapter_model.safetensors").unlink()
    with pytest.raises(CheckpointError, match=r"is incomplete: it has no adapter_model"):
        Adapter.read(path)
