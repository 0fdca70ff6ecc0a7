"""Large tensors that came and stayed, told by shape, dtype and device."""

from __future__ import annotations

import pytest
import torch

from pytest_vlm.memory.fake import FakeMeter
from pytest_vlm.memory.guard import LeakCheck
from pytest_vlm.memory.meters import meter_for
from pytest_vlm.memory.tensors import LargeTensors

KEPT: list[object] = []


@pytest.fixture(autouse=True)
def let_go():
    yield
    KEPT.clear()


def test_names_what_came_and_what_holds_it():
    old = torch.zeros(300, 300)
    tensors = LargeTensors()
    KEPT.append({"logits": torch.zeros(512, 256, dtype=torch.float16)})
    torch.zeros(300, 301)
    (what, holder), *others = tensors.new().items()
    assert what == "a tensor of 512×256 float16 on cpu, 256.0 KiB"
    assert holder.endswith("test_tensors.py: KEPT[0]['logits']")
    assert not others
    assert old.numel()


def test_a_small_view_keeps_the_whole():
    tensors = LargeTensors()
    KEPT.append(torch.zeros(2**18)[:9])
    assert list(tensors.new()) == ["a tensor of 9 float32 on cpu, 1.0 MiB"]


def test_views_of_one_storage_are_one_and_the_largest_come_first():
    tensors = LargeTensors()
    whole = torch.zeros(2**18)
    KEPT.extend([torch.zeros(2**17), whole, whole[1:], torch.zeros(2**16), torch.zeros(2**15)])
    del whole
    sizes = [what.rpartition(", ")[2] for what in tensors.new()]
    assert sizes == ["1.0 MiB", "512.0 KiB", "256.0 KiB"]


def test_small_ones_and_those_without_memory_are_passed_over():
    tensors = LargeTensors()
    KEPT.extend([torch.zeros(9), torch.zeros(2**20, device="meta"), torch.zeros(2**20).to_sparse()])
    assert not tensors.new()


def test_one_that_stands_for_others_is_no_tensor_and_keeps_one():
    tensors = LargeTensors()
    torch.vmap(lambda row: KEPT.append(row) or row.sum())(torch.zeros(2, 2**18))
    assert list(tensors.new()) == ["a tensor of 2×262144 float32 on cpu, 2.0 MiB"]


def test_a_leak_of_bytes_names_the_tensor():
    meter = FakeMeter()
    leak = LeakCheck(meter, 2**19, release=lambda: None)
    KEPT.append(torch.zeros(2**18))
    meter.take(2**20)
    assert "a tensor of 262144 float32 on cpu, 1.0 MiB is still there, held by" in str(leak.judge())


@pytest.mark.gpu
def test_a_leaked_cuda_tensor_is_caught_and_named():
    leak = LeakCheck(meter_for("cuda"), 2**20, release=lambda: None)
    torch.ones(2**22, device="cuda").sum().item()  # cuBLAS and friends may stay, the tensor not
    assert leak.judge().within
    KEPT.append(torch.ones(1024, 4096, device="cuda"))
    use = leak.judge()
    assert use.bytes == 16 * 2**20
    assert not use.within
    (what,) = use.kept
    assert what == "a tensor of 1024×4096 float32 on cuda:0, 16.0 MiB"
    assert use.kept[what].endswith("test_tensors.py: KEPT[0]")
