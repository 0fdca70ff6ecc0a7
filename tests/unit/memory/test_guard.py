"""The guard on this machine's real memory, and where nothing can be measured."""

from __future__ import annotations

import numpy as np
import pytest

from pytest_vlm.memory.guard import MemoryGuard, MemoryUse
from pytest_vlm.memory.meters import meter_for

MIB = 2**20


@pytest.fixture
def records() -> list[MemoryUse]:
    return []


@pytest.fixture
def meter():
    meter = meter_for("cpu")
    if meter is None:
        pytest.skip("this system does not account for resident memory")
    return meter


def touch(size: int) -> None:
    np.zeros(size, np.uint8)[:] = 1


def test_sees_what_was_taken_even_when_it_was_given_back(meter, records):
    with MemoryGuard(meter, None, records.append):
        touch(200 * MIB)
    (use,) = records
    assert use.device == "CPU (resident memory)"
    assert use.bytes == pytest.approx(200 * MIB, rel=0.1)
    assert use.within


def test_an_earlier_peak_does_not_count(meter, records):
    touch(200 * MIB)
    with MemoryGuard(meter, 100 * MIB, records.append):
        touch(10 * MIB)
    assert records[0].bytes < 50 * MIB


def test_a_limit_that_holds_passes(meter, records):
    with MemoryGuard(meter, 300 * MIB, records.append):
        touch(200 * MIB)
    assert records[0].limit == 300 * MIB


def test_a_limit_that_does_not_hold_raises_with_both_figures(meter, records):
    message = r"limited to 100\.0 MiB, took (19|20|21)\d\.\d MiB on CPU"
    with (
        pytest.raises(AssertionError, match=message),
        MemoryGuard(meter, 100 * MIB, records.append),
    ):
        touch(200 * MIB)
    assert not records[0].within


def test_a_failure_inside_is_not_replaced_and_the_use_is_recorded(meter, records):
    with pytest.raises(KeyError), MemoryGuard(meter, 1, records.append):
        touch(40 * MIB)  # more than malloc ever takes from what it has
        raise KeyError
    assert not records[0].within


def test_a_limit_that_cannot_be_measured_did_not_hold(records):
    with (
        pytest.raises(AssertionError, match=r"limited to 100\.0 MiB, not measured"),
        MemoryGuard(None, 100 * MIB, records.append),
    ):
        pass
    assert (records[0].bytes, records[0].within) == (None, False)


def test_nothing_measured_and_nothing_limited_is_recorded_as_such(records):
    with MemoryGuard(None, None, records.append):
        pass
    (use,) = records
    assert (use.bytes, use.limit, use.within) == (None, None, True)
    assert str(use).startswith("not measured")


def test_the_limit_itself_is_allowed():
    assert MemoryUse(measure="peak", device="x", bytes=5, limit=5).within
    assert not MemoryUse(measure="peak", device="x", bytes=6, limit=5).within
    assert MemoryUse(measure="peak", device="x", bytes=0, limit=0).within


def test_an_unknown_device_has_no_meter():
    assert meter_for("mps") is None
