"""Meters on this machine's real memory, and for devices it does not have."""

from __future__ import annotations

import gc
import threading
import time
import weakref

import numpy as np
import pytest

from pytest_vlm.memory.fake import FakeMeter
from pytest_vlm.memory.meters import AllocatorMeter, DetailedMeter, ResidentMeter, meter_for
from pytest_vlm.memory.sampled_meter import SampledMeter

MIB = 2**20
STATUS = """\
VmHWM:	    2048 kB
VmRSS:	    1024 kB
RssAnon:	     100 kB
RssFile:	     900 kB
RssShmem:	      24 kB
VmSwap:	       0 kB
"""


@pytest.fixture
def resident():
    meter = meter_for("cpu")
    if meter is None:
        pytest.skip("this system does not account for resident memory")
    return meter


def test_what_the_cpu_says_is_made_of_its_kinds(resident):
    held = np.ones(64 * 2**17)
    figures = resident.figures()
    assert figures["anonymous"] + figures["mapped files"] + figures["shared"] == pytest.approx(
        resident.current(), rel=0.05
    )
    assert figures["anonymous"] > held.nbytes
    assert resident.summary() == ""


def test_the_cpu_is_read_from_the_files_that_linux_keeps(tmp_path):
    (tmp_path / "status").write_text(STATUS)
    (tmp_path / "statm").write_text("999 7 1 1 0 1 0")
    meter = ResidentMeter(tmp_path)
    assert meter.peak() == 2 * MIB
    assert meter.current() == 7 * 4096
    assert [size // 1024 for size in meter.figures().values()] == [100, 900, 24, 0]


def test_a_kernel_that_keeps_no_peak_is_said(tmp_path):
    (tmp_path / "status").write_text("Name:\tpytest\n")
    with pytest.raises(OSError, match="status has no VmHWM"):
        ResidentMeter(tmp_path).peak()


@pytest.mark.parametrize("device", ["mps", "xpu", "xpu:1", "http://localhost:8000", "npu"])
def test_what_is_not_here_has_no_meter(device):
    assert meter_for(device) is None


def test_a_sampled_peak_is_seen_between_two_looks_and_says_how():
    in_use = [10]
    meter = SampledMeter("mps", lambda: in_use[0], interval=0.001)
    meter.reset()
    in_use[0] = 90
    until = time.monotonic() + 10
    while meter._peak < 90 and time.monotonic() < until:
        time.sleep(0.001)
    in_use[0] = 20
    assert (meter.current(), meter.peak()) == (20, 90)
    meter.reset()
    assert meter.peak() == 20
    assert meter.device == "mps (sampled every 1 ms)"


def test_the_sampling_ends_with_its_meter():
    before = set(threading.enumerate())
    meter = SampledMeter("mps", lambda: 1, interval=0.001)
    meter.reset()
    meter.reset()
    (thread,) = set(threading.enumerate()) - before
    gone = weakref.ref(meter)
    del meter
    gc.collect()
    thread.join(10)
    assert gone() is None
    assert not thread.is_alive()


def test_the_fake_counts_what_it_is_told():
    meter = FakeMeter(in_use=5, told={"reserved at most": 9})
    meter.take(10)
    meter.give(12)
    assert (meter.current(), meter.peak()) == (3, 15)
    meter.reset()
    assert meter.peak() == 3
    meter.garbage = 2
    meter.settle()
    meter.settle()
    assert meter.current() == 1
    assert meter.figures() == {"reserved at most": 9}


def test_every_meter_but_the_sampled_one_says_more_than_one_figure():
    meters = (FakeMeter(), ResidentMeter(), AllocatorMeter("cuda"))
    assert all(isinstance(meter, DetailedMeter) for meter in meters)
    assert not isinstance(SampledMeter("mps", lambda: 0), DetailedMeter)


@pytest.mark.gpu
def test_the_allocator_says_what_is_held_and_what_is_in_reserve():
    import torch

    meter = meter_for("cuda")
    assert isinstance(meter, AllocatorMeter)
    torch.cuda.empty_cache()
    meter.reset()
    before = meter.current()
    tensor = torch.ones(64 * 2**18, device="cuda")
    assert meter.current() - before == 64 * MIB
    del tensor
    assert meter.current() == before
    assert meter.peak() - before == 64 * MIB
    figures = meter.figures()
    assert figures["reserved at most"] >= meter.peak()
    assert figures["the device has"] > figures["in use on the device, by every process"] > 0
    assert "Allocated memory" in meter.summary()
