"""A twin lies on its original's weights, and leaves it as it is."""

from __future__ import annotations

import gc
import weakref

import pytest
import torch

from pytest_vlm.engine.sharing.twins import twin
from pytest_vlm.engine.sharing.weights import storage_sizes


@pytest.fixture
def model() -> torch.nn.Module:
    torch.manual_seed(0)
    body = torch.nn.ModuleDict({"a": torch.nn.Linear(4, 4), "b": torch.nn.Linear(4, 4)})
    body["b"].weight = body["a"].weight
    body.register_buffer("saved", torch.ones(3))
    body.register_buffer("scratch", torch.ones(3), persistent=False)
    body.config = {"heads": 2}
    return body


def test_weights_are_shared_and_objects_are_not(model):
    other = twin(model)
    ours, theirs = storage_sizes(model), storage_sizes(other)
    scratch = ("cpu", model.scratch.untyped_storage().data_ptr())
    assert ours.keys() - theirs.keys() == {scratch}
    assert other["a"].weight is not model["a"].weight
    assert other["a"].weight is other["b"].weight
    assert other.config == model.config
    assert other.config is not model.config


def test_what_is_done_to_a_twin_is_not_done_to_its_original(model):
    before = {name: value.clone() for name, value in model.state_dict().items()}
    other = twin(model)
    other["a"].weight = torch.nn.Parameter(torch.zeros(4, 4))
    other["b"] = torch.nn.Sequential(other["b"], torch.nn.ReLU())
    other.scratch.zero_()
    other.config["heads"] = 3
    other.half()
    assert model["a"].weight.requires_grad
    assert model.scratch.sum() == 3
    assert model.config == {"heads": 2}
    after = model.state_dict()
    assert after.keys() == before.keys()
    assert all(torch.equal(after[name], value) for name, value in before.items())


def test_a_twin_keeps_the_weights_and_not_the_original():
    model = torch.nn.Linear(4, 4)
    weight, original = model.weight.detach().clone(), weakref.ref(model)
    other = twin(model)
    gc.disable()
    try:
        del model
        assert original() is None
    finally:
        gc.enable()
    assert torch.equal(other.weight, weight)
