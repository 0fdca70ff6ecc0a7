"""Equal weights lie in memory once; models stay models of their own."""

from __future__ import annotations

import gc

import pytest
import torch
from safetensors.torch import load_file, save_file

from pytest_vlm.engine.sharing.interning import TensorTable
from pytest_vlm.engine.sharing.weights import storage_sizes, weight_places


def layer(seed: int = 0) -> torch.nn.Linear:
    torch.manual_seed(seed)
    return torch.nn.Linear(8, 4)


def holder(*weights: torch.Tensor) -> torch.nn.Module:
    module = torch.nn.Module()
    for number, weight in enumerate(weights):
        module.register_parameter(f"w{number}", torch.nn.Parameter(weight, requires_grad=False))
    return module


def addresses(model: torch.nn.Module) -> list[int]:
    return [place.tensor.data_ptr() for place in weight_places(model)]


@pytest.fixture
def table() -> TensorTable:
    return TensorTable()


def test_what_is_equal_is_shared_and_what_is_new_is_named(table):
    a, b, c = layer(), layer(), layer()
    with torch.no_grad():
        c.bias += 1
    assert set(table.settle(a, "cpu")) == {"weight", "bias"}
    assert set(table.settle(b, "cpu")) == set()
    assert set(table.settle(c, "cpu")) == {"bias"}
    assert storage_sizes(a) == storage_sizes(b)
    assert sum((storage_sizes(a) | storage_sizes(c)).values()) == 4 * (8 * 4 + 4 + 4)
    assert torch.equal(c.weight, layer().weight)
    assert torch.equal(c.bias, layer().bias + 1)


def test_a_conversion_of_one_model_converts_no_other(table):
    a, b = layer(), layer()
    table.settle(a, "cpu")
    table.settle(b, "cpu")
    a.half()
    assert b.weight.dtype is torch.float32
    assert torch.equal(b.weight, layer().weight)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (torch.zeros(4), torch.zeros(4, dtype=torch.int32)),
        (torch.zeros(2, 3), torch.zeros(3, 2)),
        (torch.zeros(2, 2), torch.zeros(2, 2).t()),
        (torch.zeros(4), torch.full((4,), -0.0)),
    ],
    ids=["dtype", "shape", "strides", "sign of zero"],
)
def test_equal_bytes_or_values_alone_are_not_the_same(table, one, other):
    a, b = holder(one), holder(other)
    table.settle(a, "cpu")
    table.settle(b, "cpu")
    assert addresses(a) != addresses(b)
    assert (b.w0.dtype, b.w0.shape, b.w0.stride()) == (other.dtype, other.shape, other.stride())


def test_transposed_weights_are_shared_as_they_lie(table):
    stored = torch.arange(6.0).reshape(2, 3)
    a, b = holder(stored.t()), holder(stored.clone().t())
    table.settle(a, "cpu")
    table.settle(b, "cpu")
    assert addresses(a) == addresses(b)
    assert b.w0.stride() == (1, 3)
    assert torch.equal(b.w0, stored.t())


@pytest.mark.parametrize(
    "weight",
    [
        torch.tensor(3.0),
        torch.ones(3, dtype=torch.bool),
        torch.ones(3, dtype=torch.complex64),
        torch.ones(3, dtype=torch.bfloat16),
        torch.ones(3).to(torch.float8_e4m3fn),
        torch.arange(12.0).reshape(3, 4)[:, ::2],
        torch.arange(3.0).expand(2, 3),
        torch.empty(0, 4),
    ],
    ids=["number", "bool", "complex", "bf16", "fp8", "gaps", "repeated", "empty"],
)
def test_tensors_of_every_kind_keep_their_values(table, weight):
    a, b = holder(weight), holder(weight.clone())
    table.settle(a, "cpu")
    table.settle(b, "cpu")
    for model in (a, b):
        assert model.w0.dtype == weight.dtype
        assert torch.equal(model.w0.to(torch.complex64), weight.to(torch.complex64))
    assert weight.numel() == 0 or addresses(a) == addresses(b)


def test_tied_weights_stay_tied_and_are_looked_at_once(table):
    shared = torch.nn.Parameter(torch.ones(4, 4))
    model = torch.nn.ModuleDict({"a": torch.nn.Linear(4, 4), "b": torch.nn.Linear(4, 4)})
    model["a"].weight = model["b"].weight = shared
    model["c"] = holder(shared.data)  # another object over the same memory
    assert set(table.settle(model, "cpu")) == {"a.weight", "a.bias", "b.bias"}
    assert model["a"].weight is model["b"].weight
    assert model["c"].w0.data_ptr() == model["a"].weight.data_ptr()


def test_a_weight_is_forgotten_with_its_last_model(table):
    a, b = layer(), layer()
    table.settle(a, "cpu")
    table.settle(b, "cpu")
    del a
    assert len(table) == 2
    assert torch.equal(b.weight, layer().weight)
    gc.disable()
    try:
        del b
        assert len(table) == 0
    finally:
        gc.enable()


def test_a_weight_that_was_written_into_is_not_handed_out(table):
    a, b = layer(), layer()
    table.settle(a, "cpu")
    with torch.no_grad():
        a.weight[0, 0] += 1
    assert set(table.settle(b, "cpu")) == {"weight"}
    assert torch.equal(b.weight, layer().weight)


def test_nothing_lies_in_the_mapped_file_afterwards(table, tmp_path):
    path = tmp_path / "weights.safetensors"
    save_file({"weight": torch.ones(1024), "mean": torch.ones(1024)}, path)
    stored = load_file(path)
    model = holder(stored["weight"])
    model.register_buffer("mean", stored["mean"])
    table.settle(model, "cpu")
    size = path.stat().st_size
    with path.open("r+b") as stream:
        stream.seek(size - 8192)
        stream.write(bytes(8192))
    assert stored["weight"].sum() == 0  # so the file was mapped
    assert model.w0.sum() == model.mean.sum() == 1024


def test_saved_buffers_are_shared_and_others_are_not(table):
    models = []
    for _ in range(2):
        model = torch.nn.Module()
        model.register_buffer("running_mean", torch.ones(8))
        model.register_buffer("cache", torch.ones(8), persistent=False)
        table.settle(model, "cpu")
        models.append(model)
    a, b = models
    assert a.running_mean.data_ptr() == b.running_mean.data_ptr()
    assert a.cache.data_ptr() != b.cache.data_ptr()


class Packed(torch.nn.Parameter):
    """Stands for a quantised weight, which is more than its bytes."""


def test_weights_of_a_class_of_their_own_are_left_to_it(table):
    models = []
    for _ in range(2):
        model = torch.nn.Module()
        model.weight = Packed(torch.ones(8), requires_grad=False)
        table.settle(model, "cpu")
        models.append(model)
    a, b = models
    assert type(a.weight) is Packed
    assert a.weight.data_ptr() != b.weight.data_ptr()


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_what_is_shared_is_shared_again_on_the_other_device(table):
    a, b = layer(), layer()
    for model in (a, b):
        table.settle(model, "cpu")
    for device in ("cuda", "cpu"):
        table.settle(a, device)
        assert storage_sizes(a) != storage_sizes(b)
        table.settle(b, device)
        assert storage_sizes(a) == storage_sizes(b)
        assert torch.equal(b.weight.cpu(), layer().weight)
