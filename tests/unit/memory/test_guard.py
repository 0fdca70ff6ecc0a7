"""The guard on this machine's real memory, and where nothing can be measured."""

from __future__ import annotations

import mmap
import weakref

import pytest

from pytest_vlm.memory.fake import FakeMeter
from pytest_vlm.memory.guard import LeakCheck, MemoryGuard, attribute
from pytest_vlm.memory.inner_meter import InnerMeter
from pytest_vlm.memory.meters import meter_for
from pytest_vlm.memory.timeline import Peak
from pytest_vlm.memory.use import MemoryUse

MIB, GIB = 2**20, 2**30


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
    """Pages of our own: malloc may hand out a freed stretch of the heap, which takes nothing."""
    with mmap.mmap(-1, size) as pages:
        for start in range(0, size, mmap.PAGESIZE):
            pages[start] = 1


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
    message = r"limited to 100\.0 MiB, allocated (19|20|21)\d\.\d MiB on CPU"
    with (
        pytest.raises(AssertionError, match=message),
        MemoryGuard(meter, 100 * MIB, records.append),
    ):
        touch(200 * MIB)
    assert not records[0].within


def test_a_failure_inside_is_not_replaced_and_the_use_is_recorded(meter, records):
    with pytest.raises(KeyError), MemoryGuard(meter, 1, records.append):
        touch(40 * MIB)
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


def test_says_what_the_peak_was_made_of(records):
    meter, held = FakeMeter(told={"reserved at most": 9 * GIB}), {}
    guard = MemoryGuard(
        meter,
        6 * GIB,
        records.append,
        weights=lambda: dict(held),
        expected=lambda: {"KV cache": GIB},
    )
    with pytest.raises(AssertionError) as failure, guard:
        held["B"] = 5 * GIB
        meter.take(5 * GIB)
        assert guard.look("answering") == 5 * GIB
        meter.take(2 * GIB)
        guard.look("answering")
    assert str(failure.value) == (
        "limited to 6.0 GiB, allocated 7.0 GiB on a fake device: 5.0 GiB weights (B), "
        "1.0 GiB KV cache (estimated), 1.0 GiB other (answering)"
    )
    assert guard.use is records[0]
    assert records[0].figures == {"reserved at most": 9 * GIB}
    assert [moment.what for moment in records[0].moments] == [
        "loading B, answering",
        "answering",
        "the rest of the block",
    ]


def test_what_a_test_takes_after_the_answers_is_no_cache(records):
    meter, held = FakeMeter(), {}
    guard = MemoryGuard(
        meter, 6, records.append, weights=lambda: dict(held), expected=lambda: {"KV cache": 1}
    )
    with pytest.raises(AssertionError), guard:
        held["B"] = 5
        meter.take(5)
        guard.look("answering")
        meter.take(2)
    assert records[0].parts == {"weights (B)": 5, "other (the rest of the block)": 2}


@pytest.mark.parametrize(
    ("bytes", "weights", "expected", "parts"),
    [
        (
            7,
            {"B": 5},
            {"KV cache": 1},
            {"weights (B)": 5, "KV cache (estimated)": 1, "other (x)": 1},
        ),
        (7, {"B": 5}, {"KV cache": 3}, {"weights (B)": 5, "other (x)": 2}),
        (7, {"A": 3, "B": 4}, {}, {"weights (A)": 3, "weights (B)": 4, "other (x)": 0}),
        (7, {"B": 8}, {}, {}),
        (7, {}, {"KV cache": 3}, {}),
    ],
)
def test_never_says_more_than_is_known(bytes, weights, expected, parts):
    assert attribute(Peak(bytes=bytes, during="x", weights=weights), expected) == parts


def test_outside_of_a_block_there_is_nothing_to_look_at(records):
    assert MemoryGuard(FakeMeter(), None, records.append).look("x") is None


def test_a_measurement_inside_does_not_hide_the_peak_of_the_block(records):
    meter = FakeMeter()
    with MemoryGuard(meter, None, records.append) as guard:
        meter.take(9)
        meter.give(9)
        inner = InnerMeter(meter, guard.look)
        inner.reset()
        meter.take(4)
        assert (inner.current(), inner.peak()) == (4, 4)
        meter.give(4)
    assert (records[0].bytes, records[0].moments[0].what) == (9, "measuring")


class Model:
    """Something large."""


def check(meter, models, limit=10):
    return LeakCheck(
        meter,
        limit,
        release=lambda: None,
        watched=lambda: [(name, weakref.ref(model)) for name, model in models.items()],
    )


def test_what_is_in_use_after_the_test_is_a_leak_and_garbage_is_not():
    meter = FakeMeter(in_use=100)
    leak = check(meter, {})
    meter.take(50)
    meter.garbage = 41
    assert (leak.judge().bytes, leak.judge().within) == (9, True)
    meter.take(2)
    assert not leak.judge().within


def test_a_model_that_the_test_used_and_that_is_still_there_is_named():
    models = {}
    leak = check(FakeMeter(), models)
    models["B"] = Model()
    use = leak.judge()
    assert (use.bytes, use.within) == (0, False)
    assert list(use.kept) == ["B"]
    models.clear()
    assert leak.judge().within


def test_a_model_that_was_there_before_is_not_this_tests():
    models = {"B": Model()}
    leak = check(FakeMeter(), models)
    assert leak.judge().within
    models["B"] = Model()
    assert not leak.judge().within


def test_a_model_is_looked_for_also_where_no_bytes_can_be_measured():
    models = {}
    leak = check(None, models)
    models["B"] = Model()
    use = leak.judge()
    assert use.bytes is None
    assert "B is still there" in str(use)


def test_what_was_not_judged_says_why_and_breaks_the_limit():
    use = check(FakeMeter(), {}).unjudged("--pdb")
    assert str(use) == "limited to 10 B, not measured on a fake device (--pdb)"
    assert not use.within
