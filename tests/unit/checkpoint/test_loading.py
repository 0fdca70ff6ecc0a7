"""What only shows while a model is loaded: random weights, NaN, overflow, code, changed files."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from pytest_vlm.checkpoint.spec import CheckpointSpec, parse_checkpoint
from pytest_vlm.engine.finite import check_finite
from pytest_vlm.engine.loading import LoadedModel, import_architecture, load_model
from pytest_vlm.errors import CheckpointError, EngineError, VlmError

STRONG = Path(__file__).parents[3] / "app/digits/checkpoints/strong"
NORM = "model.language_model.norm.weight"


@pytest.fixture
def folder(tmp_path) -> Path:
    return Path(shutil.copytree(STRONG, tmp_path / "copy"))


def load(folder: Path, query: str = "") -> LoadedModel:
    spec = parse_checkpoint(f"B=somewhere/else{query}")
    return load_model(spec, folder)


def change(folder: Path, what: Callable[[dict[str, torch.Tensor]], object]) -> None:
    weights = load_file(folder / "model.safetensors")
    what(weights)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


def configure(folder: Path, **changes: object) -> None:
    config = json.loads((folder / "config.json").read_text())
    for key, value in changes.items():
        if isinstance(value, dict) and isinstance(config.get(key), dict):
            config[key] |= value
        else:
            config[key] = value
    (folder / "config.json").write_text(json.dumps(config))


def test_the_honest_one_is_loaded_without_events(folder):
    loaded = load(folder)
    assert loaded.events == ()
    assert not loaded.model.training


def test_missing_weights_are_refused_with_their_share(folder):
    change(folder, lambda w: w.pop(NORM))
    with pytest.raises(
        CheckpointError, match=rf"no weights for 1 tensors, such as {NORM} \(98% of"
    ):
        load(folder)


def test_renamed_weights_are_refused_as_nothing_matched(folder):
    def rename(weights: dict[str, torch.Tensor]) -> None:
        for name in list(weights):
            weights[f"other.{name}"] = weights.pop(name)

    change(folder, rename)
    with pytest.raises(
        CheckpointError, match=r"such as .*0% of .* matched\); \d+ of the weights fit"
    ):
        load(folder)


def test_tied_weights_that_the_configuration_unties_are_missing(folder):
    configure(folder, tie_word_embeddings=False, text_config={"tie_word_embeddings": False})
    with pytest.raises(CheckpointError, match=r"no weights for 1 tensors, such as lm_head\.weight"):
        load(folder)


def test_the_type_of_another_model_is_refused(folder):
    configure(folder, model_type="qwen2_vl", architectures=["Qwen2VLForConditionalGeneration"])
    with pytest.raises(CheckpointError, match=r"config\.json describes [\d,]+ param"):
        load(folder)


def test_another_shape_is_refused_with_both_shapes(folder):
    configure(folder, text_config={"intermediate_size": 200})
    message = (
        r"another shape for 6 tensors, such as .*\(\d+, \d+\) in the file, \(\d+, \d+\) by conf"
    )
    with pytest.raises(CheckpointError, match=message):
        load(folder)


def memory(what: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith(what))) * 1024


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="measures as Linux does")
def test_a_model_of_terabytes_is_refused_before_it_is_allocated(folder):
    configure(folder, text_config={"intermediate_size": 10**11})
    message = r"config\.json describes [\d,]{18,} parameters, the weights have 4\d\d,\d{3}: they do"
    import_architecture(STRONG)  # libraries that are imported late are no cost of this one
    before = memory("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")
    with pytest.raises(CheckpointError, match=message):
        load(folder)
    assert memory("VmHWM") - before < 100 * 2**20


def test_a_model_that_no_number_can_count_is_refused(folder):
    configure(folder, text_config={"intermediate_size": 2**62})
    with pytest.raises(CheckpointError, match=r"config\.json describes a model that cannot be"):
        load(folder)


@pytest.mark.parametrize("device", ["tpu", "cuda:99"])
def test_a_device_that_is_not_there_is_refused_by_name(folder, device):
    (folder / "model.safetensors").unlink()  # nothing is read before
    message = rf"there is no device {device} here: .*; choose another, such as \?device=cpu"
    with pytest.raises(EngineError, match=message):
        load(folder, f"?device={device}")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_weights_that_are_not_finite_are_refused_by_name(folder, value):
    change(folder, lambda w: w[NORM].__setitem__(3, value))
    kind = "1 NaN, 0 inf" if value != value else "0 NaN, 1 inf"
    message = (
        rf"not finite in 1 tensors of float32: {NORM} \({kind}.* of 96\); the training diverged"
    )
    with pytest.raises(CheckpointError, match=message):
        load(folder)


def test_a_number_beyond_float16_is_found_in_float16_only(folder):
    change(folder, lambda w: w[NORM].__setitem__(3, 1e30))
    load(folder)
    load(folder, "?dtype=bfloat16")
    with pytest.raises(
        CheckpointError, match=r"tensors of float16: .*1 infinite.*ends at 65504.*\?dtype=float32"
    ):
        load(folder, "?dtype=float16")


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
def test_large_weights_whose_sum_overflows_are_finite(dtype):
    large = torch.full((1000,), torch.finfo(dtype).max, dtype=dtype)
    check_finite("B", {"w": large, "steps": torch.ones(3, dtype=torch.int64)})
    large[7] = torch.inf
    with pytest.raises(CheckpointError, match=r"w \(0 NaN, 1 infinite of 1000\)"):
        check_finite("B", {"w": large})


def test_float8_is_looked_through_as_well():
    weights = {"w": torch.tensor([1.0, torch.nan]).to(torch.float8_e4m3fn)}
    with pytest.raises(CheckpointError, match=r"float8_e4m3fn: w \(1 NaN"):
        check_finite("B", weights)


def test_a_file_that_is_overwritten_leaves_the_loaded_weights_alone(folder):
    model = load(folder).model
    before = {name: value.clone() for name, value in model.state_dict().items()}
    path = folder / "model.safetensors"
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(size // 4)
        file.write(b"\0" * (size // 2))
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


def test_tied_weights_stay_tied(folder):
    model = load(folder).model
    assert model.lm_head.weight is model.model.language_model.embed_tokens.weight


def plant(folder: Path, name: str) -> Path:
    marker = folder.parent / "marker"
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"open({str(marker)!r}, 'w').close()\nclass Evil: ...\n")
    return marker


@pytest.mark.parametrize("name", ["modeling_evil.py", "custom_generate/generate.py", "setup.py"])
def test_code_in_the_folder_is_not_run(folder, name, monkeypatch):
    marker = plant(folder, name)
    configure(folder, auto_map={"AutoModelForImageTextToText": "modeling_evil.Evil"})
    monkeypatch.setattr(sys, "stdin", None)
    load(folder)
    assert not marker.exists()


def test_a_type_that_needs_its_code_is_refused_without_a_question(folder, monkeypatch):
    marker = plant(folder, "modeling_evil.py")
    code = {"AutoConfig": "modeling_evil.Evil", "AutoModelForImageTextToText": "modeling_evil.Evil"}
    configure(folder, model_type="evil", auto_map=code)
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(EngineError, match="could not be loaded"):
        load(folder)
    assert not marker.exists()


def test_code_runs_where_it_is_trusted(folder, monkeypatch, tmp_path):
    """Otherwise the tests above would show nothing."""
    monkeypatch.setattr("transformers.dynamic_module_utils.HF_MODULES_CACHE", str(tmp_path / "hf"))
    marker = plant(folder, "modeling_evil.py")
    code = {"AutoConfig": "modeling_evil.Evil", "AutoModelForImageTextToText": "modeling_evil.Evil"}
    configure(folder, model_type="evil", auto_map=code)
    with pytest.raises(VlmError):
        load(folder, "?trust_remote_code=yes")
    assert marker.exists()


def test_attention_from_the_hub_is_code_too(folder):
    with pytest.raises(CheckpointError, match="attention=org/kernel is code from the hub"):
        load(folder, "?attention=org/kernel")


def test_the_card_is_asked_only_where_there_is_one(folder):
    spec = CheckpointSpec(name="B", source="x")
    assert load_model(spec, folder).events == ()
