"""Measured in turns, warmed up, and never told twice."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from pytest_vlm.checkpoint.pool.pool import EnginePool
from pytest_vlm.checkpoint.spec import CheckpointSpec
from pytest_vlm.engine.fake import FakeEngine, Script
from pytest_vlm.errors import EngineError
from pytest_vlm.evaluation.predictions import Measurement
from pytest_vlm.evaluation.samples import Sample
from pytest_vlm.evaluation.speed import BLOCKS, SpeedPass
from pytest_vlm.memory.fake import FakeMeter
from pytest_vlm.settings import GenerationSettings

A, B = (CheckpointSpec(name=name, source=name) for name in "AB")


class Timed(FakeEngine):
    """Takes a scripted time, longer for its first batch."""

    def __init__(self, name: str, seconds: float, asked: list[str]) -> None:
        super().__init__(Script())
        self.name, self.seconds, self.asked, self.cold = name, seconds, asked, True

    def _answer_batch(self, samples, completions=1):
        self.asked.append(self.name)
        seconds = 100.0 if self.cold else self.seconds
        self.cold = False
        measured = Measurement(seconds=seconds, samples=len(samples), tokens=10, first_token=0.5)
        return [replace(p, measurement=measured) for p in super()._answer_batch(samples)]


class Bench:
    def __init__(self, max_loaded: int) -> None:
        self.asked: list[str] = []
        self.loaded = Counter[str]()
        self.pool = EnginePool(self.load, max_loaded)
        self.speed = SpeedPass(
            lease=self.pool.lease,
            beside=self.pool.beside,
            meter=lambda spec: None,
            generation=GenerationSettings(batch_size=4),
            progress=lambda what, done, total, memory=None: None,
        )

    def load(self, spec: CheckpointSpec) -> FakeEngine:
        self.loaded[spec.name] += 1
        return Timed(spec.name, 2.0 if spec.name == "B" else 1.0, self.asked)


def samples(count: int, picture) -> list[Sample]:
    image = picture()
    return [Sample.ask(id=str(n), image=image, query=f"{n:03}", cluster="c") for n in range(count)]


@pytest.mark.parametrize("max_loaded", [1, 2])
def test_every_batch_of_both_is_measured_warm(picture, max_loaded):
    measured = Bench(max_loaded).speed.measure(A, B, samples(4 * 24, picture))
    assert {p.measurement.seconds for p in measured.baseline} == {1.0}
    assert {p.measurement.seconds for p in measured.candidate} == {2.0}
    assert len(measured.samples) == 24
    assert Counter(s.cluster for s in measured.samples) == {f"block {n}": 2 for n in range(BLOCKS)}


def test_the_sides_take_turns(picture):
    bench = Bench(2)
    bench.speed.measure(A, B, samples(4 * 12, picture))
    assert "".join(bench.asked) == "AABB" + "BAAB" * 5 + "BA"


def test_where_one_fits_each_is_loaded_once_for_two_blocks(picture):
    bench = Bench(1)
    bench.speed.measure(A, B, samples(4 * 12, picture))
    assert bench.loaded == {"A": 7, "B": 7}


def test_few_batches_are_asked_again(picture):
    measured = Bench(2).speed.measure(A, B, samples(4, picture))
    assert len(measured.samples) == BLOCKS
    assert len({sample.cluster for sample in measured.samples}) == BLOCKS


@pytest.mark.parametrize("count", [13, 23, 30])
def test_every_batch_of_the_plan_is_measured(picture, count):
    bench = Bench(2)
    measured = bench.speed.measure(A, B, samples(4 * count, picture))
    assert len(measured.samples) == count
    assert Counter(bench.asked) == {"A": count + 1, "B": count + 1}
    assert len({sample.cluster for sample in measured.samples}) == BLOCKS


def test_claims_about_the_same_samples_share_one_pass(picture):
    bench, asked = Bench(2), samples(4 * 12, picture)
    first = bench.speed.measure(A, B, asked)
    assert bench.speed.measure(A, B, list(asked)) is first
    assert bench.speed.measure(A, B, asked[:40]) is not first


def test_weights_of_the_other_one_do_not_count_as_memory(picture):
    bench = Bench(2)
    speed = SpeedPass(
        lease=bench.pool.lease,
        beside=lambda spec: 30 if spec is A else 20,
        meter=lambda spec: FakeMeter(in_use=100),
        generation=GenerationSettings(batch_size=4),
        progress=lambda what, done, total, memory=None: None,
    )
    measured = speed.measure(A, B, samples(4, picture))
    assert {p.measurement.peak for p in measured.baseline} == {70}
    assert {p.measurement.peak for p in measured.candidate} == {80}


def test_devices_of_different_kinds_are_refused(picture):
    class Elsewhere(FakeEngine):
        device = "cuda:0"

    speed = SpeedPass(
        lease=EnginePool(lambda spec: (Elsewhere if spec is B else FakeEngine)(Script())).lease,
        beside=lambda spec: 0,
        meter=lambda spec: None,
        generation=GenerationSettings(),
        progress=lambda what, done, total, memory=None: None,
    )
    with pytest.raises(EngineError, match="B on cuda:0 and A on cpu"):
        speed.measure(A, B, samples(2, picture))


def test_an_engine_that_does_not_measure_is_refused(picture):
    class Timeless(FakeEngine):
        def _answer_batch(self, samples, completions=1):
            return [replace(p, measurement=None) for p in super()._answer_batch(samples)]

    speed = SpeedPass(
        lease=EnginePool(lambda spec: Timeless(Script())).lease,
        beside=lambda spec: 0,
        meter=lambda spec: None,
        generation=GenerationSettings(),
        progress=lambda what, done, total, memory=None: None,
    )
    with pytest.raises(EngineError, match="does not measure"):
        speed.measure(A, B, samples(2, picture))
