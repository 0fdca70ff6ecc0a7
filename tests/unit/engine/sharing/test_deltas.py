"""A delta goes where its base's tensor certainly lies, or nowhere."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from pytest_vlm.engine.sharing.deltas import BaseWeights, put_delta, read_delta
from pytest_vlm.engine.sharing.interning import TensorTable
from pytest_vlm.engine.sharing.twins import twin


@pytest.fixture
def model() -> torch.nn.Module:
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.BatchNorm1d(4))


def saved(model: torch.nn.Module, folder: Path) -> BaseWeights:
    save_file(model.state_dict(), folder / "model.safetensors")
    return BaseWeights(folder)


def test_parameters_and_buffers_are_replaced_in_the_twin_only(model, tmp_path):
    base, other = saved(model, tmp_path), twin(model)
    delta = {"0.weight": torch.ones(4, 4), "1.running_mean": torch.ones(4)}
    assert put_delta(other, delta, base, TensorTable()).keys() == delta.keys()
    assert other[0].weight.sum() == 16
    assert other[1].running_mean.sum() == 4
    assert model[1].running_mean.sum() == 0
    assert isinstance(other[0].weight, torch.nn.Parameter)
    assert not isinstance(other[1].running_mean, torch.nn.Parameter)
    assert other[0].bias.data_ptr() == model[0].bias.data_ptr()


def test_where_something_else_lies_nothing_is_done(model, tmp_path):
    base = saved(model, tmp_path)
    with torch.no_grad():
        model[0].weight[0, 0] += 1
    other = twin(model)
    delta = {"0.bias": torch.ones(4), "0.weight": torch.ones(4, 4)}
    assert put_delta(other, delta, base, TensorTable()) is None
    assert torch.equal(other[0].bias, model[0].bias)
    assert torch.equal(other[0].weight, model[0].weight)


def test_tied_weights_are_left_to_a_whole_load(model, tmp_path):
    base = saved(model, tmp_path)
    model.append(torch.nn.Linear(4, 4))
    model[2].weight = model[0].weight
    delta = {"0.weight": torch.ones(4, 4)}
    assert put_delta(twin(model), delta, base, TensorTable()) is None


def test_a_base_in_shards_is_read_where_its_index_says(model, tmp_path):
    weights = model.state_dict()
    shards = {name: f"model-{n % 2}.safetensors" for n, name in enumerate(sorted(weights))}
    for file in set(shards.values()):
        save_file({n: weights[n] for n in weights if shards[n] == file}, tmp_path / file)
    names = ", ".join(f'"{name}": "{file}"' for name, file in shards.items())
    index = tmp_path / "model.safetensors.index.json"
    index.write_text(f'{{"metadata": {{}}, "weight_map": {{{names}}}}}')
    save_file({"0.bias": torch.ones(4)}, tmp_path / "stale.safetensors")
    base = BaseWeights(tmp_path)
    delta = {"0.weight": torch.ones(4, 4)}
    merged = base.under(delta)
    assert merged.keys() == weights.keys()
    assert torch.equal(merged["0.bias"], weights["0.bias"])
    assert merged["0.weight"].sum() == 16


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_both_formats_are_read(model, tmp_path, suffix):
    (tmp_path / "base").mkdir()
    base, path = saved(model, tmp_path / "base"), tmp_path / f"delta{suffix}"
    delta = {"0.weight": torch.ones(4, 4)}
    torch.save(delta, path) if suffix == ".pt" else save_file(delta, path)
    assert torch.equal(read_delta(path, base)["0.weight"], delta["0.weight"])
