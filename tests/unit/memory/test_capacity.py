"""A card held to a budget: on a stand-in for its library, and on a real one where there is one."""

from __future__ import annotations

from contextlib import contextmanager
from types import SimpleNamespace

import pytest

from pytest_vlm.memory import capacity
from pytest_vlm.memory.capacity import Capacity

GIB = 2**30


class Cards:
    """Two cards of 80 GiB, as torch.cuda tells of them; the second is current."""

    def __init__(self):
        self.fractions = {0: 1.0, 1: 0.9}

    def is_available(self):
        return True

    def current_device(self):
        return 1

    def get_device_properties(self, card):
        return SimpleNamespace(total_memory=80 * GIB)

    def get_device_name(self, card):
        return f"card {card}"

    def get_per_process_memory_fraction(self, card):
        return self.fractions[card]

    def set_per_process_memory_fraction(self, fraction, card):
        self.fractions[card] = fraction


@contextmanager
def held_to(budget, tell):
    capacity = Capacity(budget, tell)
    try:
        yield capacity
    finally:
        capacity.restore()


@pytest.fixture
def cards(monkeypatch):
    cards = Cards()
    monkeypatch.setattr(capacity, "_cuda", lambda: cards)
    return cards


@pytest.fixture
def told():
    return []


def test_each_card_that_is_used_is_held_once_and_let_go_in_the_end(cards, told):
    with held_to(16 * GIB, told.append) as held:
        held.hold("cuda")
        held.hold("cuda:1")
        assert cards.fractions == {0: 1.0, 1: 0.2}
        held.hold("cuda:0")
        assert cards.fractions == {0: 0.2, 1: 0.2}
    assert cards.fractions == {0: 1.0, 1: 0.9}
    assert told[0] == (
        "the budget emulates 16.0 GiB of capacity on card 1 (80.0 GiB), not its kernels or speed"
    )
    assert len(told) == 2


@pytest.mark.parametrize(
    ("budget", "device"),
    [(None, "cuda"), (80 * GIB, "cuda"), (16 * GIB, "cpu"), (16 * GIB, "http://localhost:8000")],
)
def test_does_nothing_where_there_is_nothing_to_hold(cards, told, budget, device):
    with held_to(budget, told.append) as held:
        held.hold(device)
        assert (cards.fractions, told) == ({0: 1.0, 1: 0.9}, [])


def test_without_cuda_nothing_happens(told):
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is a CUDA device")
    with held_to(16 * GIB, told.append) as held:
        held.hold("cuda")
    assert told == []


@pytest.mark.gpu
def test_a_real_card_runs_out_at_the_budget_and_recovers(told):
    import torch

    torch.cuda.empty_cache()
    budget = torch.cuda.memory_reserved() + GIB
    with held_to(budget, told.append) as held:
        held.hold("cuda")
        fits = torch.ones(2**26, device="cuda")  # 256 MiB
        with pytest.raises(torch.OutOfMemoryError):
            torch.ones(2**29, device="cuda")
        again = torch.ones(2**26, device="cuda")
        assert fits.sum().item() == again.sum().item() == 2**26
    freed = torch.ones(2**29, device="cuda")  # 2 GiB, beyond the budget
    assert freed[-1].item() == 1
    assert len(told) == 1
