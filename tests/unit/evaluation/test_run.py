"""Every batch is computed once, and nothing depends on what was known before."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext

import pytest

from pytest_vlm.checkpoint.pool import EnginePool
from pytest_vlm.checkpoint.spec import CheckpointSpec
from pytest_vlm.engine.fake import FakeEngine, Script
from pytest_vlm.errors import CheckpointError, SamplesError
from pytest_vlm.evaluation.run import EvaluationRun
from pytest_vlm.evaluation.samples import Sample
from pytest_vlm.evaluation.stores import Identity, MemoryStore
from pytest_vlm.scores import exact_match, pointing_game
from pytest_vlm.settings import GenerationSettings

A = CheckpointSpec(name="A", source="a")
SIZE = 4


class Watched(FakeEngine):
    """Counts what it is asked, and may be interrupted."""

    def __init__(self) -> None:
        super().__init__(Script())
        self.asked: list[list[str]] = []
        self.mapped: list[str] = []
        self.stop_after = 1_000

    def predict(self, batches, settings) -> Iterator[list]:
        for batch in batches:
            if len(self.asked) == self.stop_after:
                raise KeyboardInterrupt
            self.asked.append([sample.id for sample in batch])
            yield self._answer_batch(batch)

    def relevance(self, samples, predictions, settings):
        self.mapped += [sample.id for sample in samples]
        return super().relevance(samples, predictions, settings)


class Bench:
    """A run over a dataset, with a store that outlives it."""

    def __init__(self, samples: list[Sample]) -> None:
        self.samples, self.engine, self.store = samples, Watched(), MemoryStore()
        self.told: list[int] = []
        self.unchanged = lambda: None

    def run(self, key: str = "k") -> EvaluationRun:
        return EvaluationRun(
            pool=EnginePool(lambda spec: self.engine),
            generation=GenerationSettings(batch_size=SIZE),
            dataset=lambda: self.samples,
            identify=lambda spec: Identity(spec, key, "f", self.store, self.unchanged),
            evaluated=lambda spec, predictions: self.told.append(len(predictions)),
            measure=lambda spec: nullcontext(),
            progress=lambda what, done, total: None,
        )


@pytest.fixture
def bench(picture) -> Bench:
    image = picture()
    asked = [
        Sample.ask(id=str(n), image=image, query=f"{n:04}", targets=("x",), cluster="c")
        for n in range(20)
    ]
    return Bench(asked)


def test_a_second_run_asks_nothing(bench):
    first = bench.run().predict(A, bench.samples)
    assert len(bench.engine.asked) == 5
    assert bench.run().predict(A, bench.samples) == first
    assert len(bench.engine.asked) == 5
    assert bench.told == [20]


def test_another_key_is_another_checkpoint(bench):
    bench.run().predict(A, bench.samples)
    bench.run(key="other").predict(A, bench.samples)
    assert len(bench.engine.asked) == 10


def test_one_sample_is_answered_in_the_batch_that_the_dataset_gives_it(bench):
    bench.run().predict(A, bench.samples[5:6])
    assert bench.engine.asked == [["4", "5", "6", "7"]]
    (alone,) = bench.run().predict(A, bench.samples[5:6])
    together = bench.run().predict(A, bench.samples)
    assert together[5] == alone
    assert len(bench.engine.asked) == 5


def test_what_was_answered_before_an_interrupt_is_kept(bench):
    bench.engine.stop_after = 3
    with pytest.raises(KeyboardInterrupt):
        bench.run().predict(A, bench.samples)
    bench.engine.stop_after = 1_000
    bench.run().predict(A, bench.samples)
    rows = [name for batch in bench.engine.asked for name in batch]
    assert sorted(rows, key=int) == [str(n) for n in range(20)]


def test_answers_of_files_that_changed_are_not_kept(bench):
    def changed() -> None:
        raise CheckpointError("changed")

    bench.unchanged = changed
    with pytest.raises(CheckpointError, match="changed"):
        bench.run().predict(A, bench.samples)
    bench.unchanged = lambda: None
    bench.run().predict(A, bench.samples)
    assert len(bench.engine.asked) == 6


def test_maps_and_scores_are_made_once(bench):
    first = bench.run().evaluate(A, bench.samples, pointing_game)
    assert len(bench.engine.mapped) == 20
    assert bench.run().evaluate(A, bench.samples, pointing_game) == first
    assert len(bench.engine.mapped) == 20


def test_another_target_is_judged_anew(bench):
    assert bench.run().evaluate(A, bench.samples[:1], exact_match).values[0].value == 1
    sample = bench.samples[0]
    bench.samples[0] = Sample(id="0", messages=sample.messages, targets=("y",), cluster="c")
    bench.engine.script = Script(answers={"0": "z"})
    assert bench.run().evaluate(A, bench.samples[:1], exact_match).values[0].value == 0
    assert len(bench.engine.asked) == 1


def test_a_renamed_sample_keeps_its_answer(bench):
    bench.run().predict(A, bench.samples)
    sample = bench.samples[3]
    bench.samples[3] = Sample(id="new", messages=sample.messages, cluster="c")
    assert bench.run().predict(A, bench.samples)[3].sample_id == "new"
    assert len(bench.engine.asked) == 5


def test_measuring_anew_leaves_what_is_kept_alone(bench):
    run = bench.run()
    run.predict(A, bench.samples)
    run.measure_anew(True)
    run.predict(A, bench.samples[:2])
    assert bench.engine.asked[-1] == ["0", "1"]
    run.measure_anew(False)
    run.predict(A, bench.samples)
    assert len(bench.engine.asked) == 6


def test_two_samples_of_one_id_are_refused(bench):
    with pytest.raises(SamplesError, match="two samples have the id '1'"):
        bench.run().predict(A, [bench.samples[1], bench.samples[1]])
