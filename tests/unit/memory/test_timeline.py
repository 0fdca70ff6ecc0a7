"""Moments of a block: when the peak rose, and what weights were there."""

from __future__ import annotations

from itertools import count

from pytest_vlm.memory.fake import FakeMeter
from pytest_vlm.memory.timeline import KEPT, Timeline, timeline_lines

GIB = 2**30


def timeline(meter, weights=dict):
    return Timeline(meter, weights, clock=count(0, 0.5).__next__)


def test_the_peak_belongs_to_what_was_going_on_when_it_rose():
    meter = FakeMeter(in_use=GIB)
    seen = timeline(meter)
    meter.take(5 * GIB)
    seen.look("loading B")
    meter.take(2 * GIB)
    meter.give(2 * GIB)
    seen.look("answering")
    seen.look("the rest of the block")
    assert (seen.peak.bytes, seen.peak.during) == (7 * GIB, "answering")
    assert [(m.seconds, m.what, m.bytes // GIB, m.peak // GIB) for m in seen.moments] == [
        (0.5, "loading B", 5, 5),
        (1.0, "answering", 5, 7),
        (1.5, "the rest of the block", 5, 7),
    ]


def test_weights_count_that_came_in_the_block_also_where_they_went_before_the_next_look():
    meter, held = FakeMeter(), {"A": 3}
    seen = timeline(meter, lambda: dict(held))
    held["B"] = 5
    meter.take(5)
    seen.look("answering")
    assert (seen.peak.during, seen.peak.weights) == ("loading B, answering", {"B": 5})
    meter.take(4)
    meter.give(9)
    del held["B"]
    seen.look("waiting")
    assert (seen.peak.bytes, seen.peak.weights) == (9, {"B": 5})
    assert seen.moments[-1].what == "closing B, waiting"


def test_weights_that_came_after_the_peak_are_no_part_of_it():
    meter, held = FakeMeter(), {}
    seen = timeline(meter, lambda: dict(held))
    meter.take(9)
    meter.give(9)
    seen.look("answering")
    held["B"] = 5
    meter.take(5)
    seen.look("answering")
    assert (seen.peak.bytes, seen.peak.weights) == (9, {})


def test_where_one_went_and_another_came_nobody_knows_which_met_the_peak():
    meter, held = FakeMeter(), {}
    seen = timeline(meter, lambda: dict(held))
    held["A"] = 5
    meter.take(5)
    seen.look("answering")
    held.clear()
    held["B"] = 4
    meter.take(5)
    seen.look("answering")
    assert (seen.peak.bytes, seen.peak.weights) == (10, {})
    assert seen.peak.during == "closing A, loading B, answering"


def test_a_peak_before_the_block_is_none_of_its():
    meter = FakeMeter()
    meter.take(9)
    meter.give(9)
    seen = timeline(meter)
    seen.look("answering")
    assert seen.peak.bytes == 0


def test_there_are_never_more_moments_than_a_person_would_read():
    seen = timeline(FakeMeter())
    for _ in range(100):
        seen.look("answering")
    assert len(seen.moments) == 1
    for number in range(100):
        seen.look(f"step {number}")
    assert len(seen.moments) == KEPT
    assert seen.moments[-1].what == "step 99"


def test_as_text():
    meter = FakeMeter(in_use=3 * GIB)
    seen = timeline(meter)
    meter.give(2 * GIB)
    seen.look("closing A")
    (line,) = timeline_lines(seen.moments)
    assert line.split() == ["0.500", "s", "-2.0", "GiB", "+0", "B", "closing", "A"]
