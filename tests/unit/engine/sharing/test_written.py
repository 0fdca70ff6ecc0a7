"""Who writes into shared weights is found, by the weight's name."""

from __future__ import annotations

import weakref

import pytest
import torch

from pytest_vlm.engine.sharing.written import PIECE, PIECES, WeightSample


def network(layers: int = 4, width: int = 128) -> torch.nn.Sequential:
    torch.manual_seed(0)
    return torch.nn.Sequential(*(torch.nn.Linear(width, width) for _ in range(layers)))


def step(model: torch.nn.Module) -> None:
    model[1].weight.sum().backward()
    torch.optim.SGD(model.parameters(), lr=0.1).step()


def replace(model: torch.nn.Module) -> None:
    model[1].weight = torch.nn.Parameter(model[1].weight.detach().clone())


def test_what_was_only_used_is_not_written():
    model = network()
    sample = WeightSample(model)
    model(torch.ones(1, 128)).sum().backward()
    assert sample.differing() == ()


@pytest.mark.parametrize(
    "write",
    [
        step,
        replace,
        lambda model: model[1].weight.data.fill_(0),
        lambda model: model[1].weight.data.add_(torch.full((128, 128), 1e-6)),
        lambda model: model[1].weight.detach().view(-1).numpy().fill(3),
        lambda model: setattr(model[1].weight, "data", model[1].weight.data.half()),
        lambda model: delattr(model[1], "weight"),
    ],
    ids=["optimiser", "replaced", "fill", "merge", "numpy", "converted", "taken away"],
)
def test_what_was_written_is_named(write):
    model = network()
    sample = WeightSample(model)
    write(model)
    assert sample.differing() == ("1.weight",)


def test_a_small_weight_is_looked_at_as_a_whole():
    model = network()
    sample = WeightSample(model)
    model[2].bias.data[127] = 1.0
    assert sample.differing() == ("2.bias",)


@pytest.mark.parametrize("layers", [1, 3, PIECES])
def test_the_sample_is_bounded_and_misses_no_weight(layers):
    model = network(layers)
    sample = WeightSample(model)
    assert sum(map(len, sample._pieces)) <= PIECE * max(PIECES, 2 * layers)
    assert len(sample._counts) == 2 * layers
    assert all(sample._counts)


def test_weights_can_be_let_go_and_found_again():
    model = network(1)
    kept = weakref.ref(model[0].weight.untyped_storage())
    sample = WeightSample(model)
    sample.let_go()
    model[0].weight.data = model[0].weight.data.clone()
    assert kept() is None
    sample.look_at(model)
    assert sample.differing() == ()
    model[0].weight.data.zero_()
    assert sample.differing() == ("0.weight",)
