"""Blocks that are measured on behalf of a session: one at a time, and each step told."""

from __future__ import annotations

import pytest

from pytest_vlm.assembly.measuring import GLANCE_SECONDS, Measuring
from pytest_vlm.checkpoint.pool.pool import EnginePool
from pytest_vlm.checkpoint.spec import CheckpointSpec
from pytest_vlm.errors import SettingsError
from pytest_vlm.memory.fake import FakeMeter
from pytest_vlm.report.model import ANSWERING, MemoryRecord, dump_record, load_record

B = CheckpointSpec(name="B", source="b")


@pytest.fixture
def meter():
    return FakeMeter(told={"reserved at most": 9})


@pytest.fixture
def records():
    return []


@pytest.fixture
def measuring(meter, records):
    pool = EnginePool(lambda spec: None)
    return Measuring(pool=pool, find_meter=lambda spec: meter, record=records.append)


def test_a_block_tells_what_happened_where_it_took_too_much(measuring, meter, records):
    with pytest.raises(AssertionError, match="limited to 10 B"), measuring.block(B, 10, "t"):
        meter.take(6)
        measuring.in_use("loading B")
        meter.take(5)
        assert measuring.in_use() == 11
    (record,) = records
    steps = [(m["what"], m["bytes"], m["peak"]) for m in record.moments]
    assert steps == [("loading B", 6, 6), ("answering", 11, 11), ("the rest of the block", 11, 11)]
    assert record.figures == {"reserved at most": 9}
    assert "loading B" in measuring.take_account()
    assert measuring.take_account() == ""


def test_a_record_survives_its_travel_and_stays_small(measuring, meter, records):
    with pytest.raises(AssertionError), measuring.block(B, 10, "tests/test_suite.py::test_fits[B]"):
        for number in range(100):
            meter.take(2**30)
            measuring.in_use(f"batch {number}")
    line = dump_record(records[0])
    assert len(line) < 4096
    assert load_record(line) == records[0]


def test_blocks_follow_each_other_also_after_a_failure(measuring, meter, records):
    with pytest.raises(KeyError), measuring.block(B, None, "t"):
        raise KeyError
    with measuring.block(B, None, "t"):
        meter.take(3)
    assert [record.bytes for record in records] == [0, 3]


def test_a_block_in_a_block_is_refused_by_name(measuring, meter, records):
    with measuring.block(B, None, "test_a") as outer:
        meter.take(3)
        with pytest.raises(SettingsError, match=r"test_b measures .* inside a block of test_a"):
            measuring.block(B, None, "test_b")
    assert records[0].bytes == 3
    assert outer.use is not None


def test_answers_on_the_way_are_measured_and_are_no_block(measuring, meter, records):
    with measuring.guard(B, None, ANSWERING):
        meter.take(3)
        assert measuring.in_use() == 3
        with measuring.block(B, None, "t"):
            pass
    assert [record.test for record in records] == ["t", ANSWERING]
    assert measuring.in_use() is None
    assert ANSWERING not in measuring.take_account()


def test_a_measurement_in_a_block_does_not_hide_its_peak(measuring, meter, records):
    assert measuring.meter(B) is meter
    with measuring.block(B, None, "t"):
        meter.take(9)
        meter.give(9)
        measuring.meter(B).reset()
    assert records[0].bytes == 9


def test_what_is_within_its_limit_needs_no_steps(measuring, meter, records):
    with measuring.block(B, 10, "t"):
        measuring.in_use("loading B")
    assert isinstance(records[0], MemoryRecord)
    assert not records[0].moments


def test_a_glance_is_at_most_a_tenth_of_a_second_old(measuring, meter, monkeypatch):
    now = [1000.0]
    monkeypatch.setattr("pytest_vlm.assembly.measuring.time.monotonic", lambda: now[0])
    with measuring.guard(B, None, ANSWERING):
        assert measuring.glance(last=True) == 0
        meter.take(6)
        assert measuring.glance(last=False) == 0
        now[0] += GLANCE_SECONDS * 1.01
        assert measuring.glance(last=False) == 6
        meter.take(5)
        assert measuring.glance(last=True) == 11


def test_the_last_glance_tells_what_answering_took(measuring, meter, records):
    """However short it was: nothing of it is laid to the rest of the block."""
    with measuring.guard(B, None, ANSWERING):
        measuring.glance(last=True)
        meter.take(6)
        measuring.glance(last=False)
        measuring.glance(last=True)
    assert records[0].bytes == 6
    assert measuring.glance(last=True) is None
