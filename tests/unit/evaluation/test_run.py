"""Every batch is computed once, and nothing depends on what was known before."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from typing import Any

import pytest

from pytest_vlm.checkpoint.pool.pool import EnginePool
from pytest_vlm.checkpoint.spec import CheckpointSpec
from pytest_vlm.engine.fake import FakeEngine, Script
from pytest_vlm.errors import CheckpointError, EngineError, SamplesError
from pytest_vlm.evaluation.dataset import Dataset
from pytest_vlm.evaluation.predictions import Prediction
from pytest_vlm.evaluation.run import EvaluationRun
from pytest_vlm.evaluation.samples import Sample
from pytest_vlm.evaluation.stores import Identity, MemoryStore
from pytest_vlm.heatmap.heatmap import Heatmap
from pytest_vlm.memory.ladder import Ladder, OutOfMemory
from pytest_vlm.scores import exact_match, pointing_game
from pytest_vlm.settings import GenerationSettings, LoadSettings

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

    def relevance(self, samples, predictions, settings, wanted):
        self.mapped += [sample.id for sample in samples]
        return super().relevance(samples, predictions, settings, wanted)


class Bench:
    """A run over a dataset, with a store that outlives it."""

    def __init__(self, samples: list[Sample]) -> None:
        self.samples, self.engine, self.store = samples, Watched(), MemoryStore()
        self.limit: int | None = None
        self.computed: list[int] = []
        self.reused: list[int] = []
        self.unchanged = lambda: None
        self.steps: list[str] = []

    def ladder(self, batch_size: int = SIZE) -> Ladder:
        return Ladder(
            batch_size=batch_size,
            device=lambda spec: "cpu" if spec.load.device == "auto" else spec.load.device,
            meter=lambda spec: None,
            evict=lambda kept: None,
            empty_cache=lambda device: None,
            told=lambda spec, step: self.steps.append(f"{spec.name}: {step}"),
        )

    def given(self, key: str = "k") -> dict[str, Any]:
        return {
            "pool": EnginePool(lambda spec: self.engine),
            "generation": GenerationSettings(batch_size=SIZE),
            "ladder": self.ladder(),
            "dataset": lambda: Dataset(self.samples)[: self.limit],
            "identify": lambda spec: Identity(
                spec, f"{key} on {spec.load.device}", "f", self.store, self.unchanged
            ),
            "evaluated": self.tell,
            "measure": lambda spec: nullcontext(),
            "progress": lambda what, done, total, memory=None: None,
        }

    def run(self, key: str = "k") -> EvaluationRun:
        return EvaluationRun(**self.given(key))

    def tell(
        self, spec: CheckpointSpec, computed: list[Prediction], reused: list[Prediction]
    ) -> None:
        self.computed.append(len(computed))
        self.reused.append(len(reused))


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
    assert (bench.computed, bench.reused) == ([20, 0], [0, 20])


def test_what_one_run_knows_already_is_not_told_again(bench):
    run = bench.run()
    run.predict(A, bench.samples)
    run.predict(A, bench.samples[:7])
    assert (bench.computed, bench.reused) == ([20], [0])


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


class Elsewhere(MemoryStore):
    """Another process makes the same maps while this one waits for the lock."""

    def __init__(self) -> None:
        super().__init__()
        self.before_the_lock = dict[str, Heatmap]()
        self.locked: list[str] = []

    @contextmanager
    def lock(self, name: str) -> Iterator[None]:
        self.locked.append(name)
        self.store_heatmaps(list(self.before_the_lock.items()), checkpoint="f")
        yield


def test_maps_that_another_process_made_meanwhile_are_taken(bench):
    bench.run().relevance(A, bench.samples)
    made = bench.store._heatmaps
    bench.store, bench.engine = Elsewhere(), Watched()
    bench.store.before_the_lock = dict(list(made.items())[:8])
    maps = bench.run().relevance(A, bench.samples)
    assert len(maps) == 20
    assert len(bench.engine.mapped) == 12
    assert bench.store.locked == ["k on auto"] * 2
    bench.run().relevance(A, bench.samples)
    assert bench.store.locked == ["k on auto"] * 2


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


class Batched(Watched):
    """Answers some samples otherwise when they are asked in company."""

    def __init__(self, wavering: set[str]) -> None:
        super().__init__()
        self.wavering = wavering

    def _answer_batch(self, samples, completions=1):
        company = len(samples) > 1
        self.script = Script(answers=dict.fromkeys(self.wavering, "y" if company else "z"))
        return super()._answer_batch(samples, completions)


def test_answers_that_only_batching_changes_are_named(bench):
    bench.engine = Batched({"0", "3", "10"})
    assert bench.run().changed_by_batching(A, bench.samples, 10) == ["0", "10"]


def test_the_check_of_batching_asks_each_sample_alone_and_only_once(bench):
    run = bench.run()
    run.predict(A, bench.samples)
    assert run.changed_by_batching(A, bench.samples, 5) == []
    assert bench.engine.asked[5:] == [["0"], ["4"], ["8"], ["12"], ["16"]]
    run.changed_by_batching(A, bench.samples, 5)
    assert len(bench.engine.asked) == 10


def test_more_checks_of_batching_than_samples_are_as_many_as_samples(bench):
    assert bench.run().changed_by_batching(A, bench.samples[:3], 50) == []
    assert bench.engine.asked[1:] == [["0"], ["1"], ["2"]]


class Failing(Watched):
    """Cannot answer sample 5."""

    def _answer_batch(self, samples, completions=1):
        return [
            replace(p, completions=(replace(p.completions[0], finish_reason="error"),))
            if p.sample_id == "5"
            else p
            for p in super()._answer_batch(samples, completions)
        ]


def test_an_error_is_asked_again_by_the_next_run_and_not_by_this_one(bench):
    bench.engine = Failing()
    run = bench.run()
    assert run.predict(A, bench.samples)[5].unusable == "error"
    assert run.evaluate(A, bench.samples, exact_match).values[5].value is None
    assert len(bench.engine.asked) == 5
    bench.engine = Watched()
    assert bench.run().predict(A, bench.samples)[5].unusable is None
    assert bench.engine.asked == [["4", "5", "6", "7"]]


def test_a_limited_dataset_is_planned_as_if_it_were_the_whole(bench):
    bench.limit = 6
    bench.run().predict(A, bench.samples[4:6])
    assert bench.engine.asked == [["4", "5"]]


class Cramped(Watched):
    """Runs out of memory on batches, and on batches of maps, that are larger than its room."""

    def __init__(self, room: int, maps: int = 1_000) -> None:
        super().__init__()
        self.room, self.maps = room, maps

    def _answer_batch(self, samples, completions=1):
        if len(samples) > self.room:
            raise MemoryError("no room")
        return super()._answer_batch(samples, completions)

    def relevance(self, samples, predictions, settings, wanted):
        if len(samples) > self.maps:
            raise MemoryError("no room for maps")
        return super().relevance(samples, predictions, settings, wanted)


def sizes(bench) -> list[int]:
    return [len(batch) for batch in bench.engine.asked]


def test_out_of_memory_a_question_is_answered_in_smaller_batches(bench):
    bench.engine = Cramped(2)
    run = bench.run()
    predictions = run.predict(A, bench.samples)
    assert sizes(bench) == [4, 4, *[2] * 10]
    assert (
        run.degraded == "answered with batch size 2 instead of 4 after A ran out of memory on cpu"
    )
    assert len(bench.steps) == 2
    assert bench.computed == [20]
    bench.store = MemoryStore()
    bench.engine = Watched()
    asked = {"generation": GenerationSettings(batch_size=2), "ladder": bench.ladder(2)}
    small = EvaluationRun(**{**bench.given(), **asked})
    assert [(p.answer, p.batch_plan) for p in predictions] == [
        (p.answer, p.batch_plan) for p in small.predict(A, bench.samples)
    ]


class Crowded(Watched):
    """Runs out of memory once, in its third batch; then there is room."""

    def _answer_batch(self, samples, completions=1):
        if len(self.asked) == 3:
            raise RuntimeError("CUDA out of memory")
        return super()._answer_batch(samples, completions)


def test_what_was_answered_before_memory_ran_out_is_neither_asked_again_nor_called_known(bench):
    bench.engine = Crowded()
    run = bench.run()
    run.predict(A, bench.samples)
    assert sizes(bench) == [4, 4, 4, 4, 4, 4]
    assert (run.degraded, len(bench.steps)) == ("", 1)
    assert (bench.computed, bench.reused) == ([8, 12], [0, 0])


def test_answers_of_two_rungs_are_not_mixed(bench):
    """The last batch does not fit: the first ones are asked again with it, in its size."""

    class Late(Cramped):
        def _answer_batch(self, samples, completions=1):
            self.room = 2 if samples[-1].id == "19" else 4
            return super()._answer_batch(samples, completions)

    bench.engine = Late(4)
    predictions = bench.run().predict(A, bench.samples)
    assert sizes(bench) == [4, 4, 4, 4, 4, 4, *[2] * 10]
    assert len({p.batch_plan for p in predictions}) == 10


def test_maps_that_do_not_fit_take_the_answers_along(bench):
    bench.engine = Cramped(4, maps=1)
    run = bench.run()
    run.evaluate(A, bench.samples, pointing_game)
    assert sizes(bench) == [*[4] * 5, *[2] * 10, *[1] * 20]
    assert "batch size 1 instead of 4" in run.degraded


def test_a_rung_holds_for_the_next_checkpoint_and_the_next_question(bench):
    bench.engine = Cramped(2)
    run = bench.run()
    run.predict(A, bench.samples[:4])
    run.predict(CheckpointSpec(name="B", source="b"), bench.samples[4:8])
    run.relevance(A, bench.samples[:4])
    assert max(sizes(bench)[2:]) == 2


def test_a_measured_block_runs_out_of_memory_as_asked(bench):
    bench.engine = Cramped(2)
    run = bench.run()
    run.predict(A, bench.samples[:4])
    bench.steps.clear()
    run.measure_anew(True)
    with pytest.raises(MemoryError, match="no room"):
        run.predict(A, bench.samples[:4])
    assert (sizes(bench)[-1], run.degraded, bench.steps) == (4, "", [])
    run.measure_anew(False)
    assert "batch size 2" in run.degraded


def test_nothing_fits(bench):
    bench.engine = Cramped(0)
    with pytest.raises(OutOfMemory, match="A does not fit into memory, whatever was tried"):
        bench.run().predict(A, bench.samples)
    assert sizes(bench) == [4, 4, 2, 1]


def test_another_error_of_the_device_comes_through(bench):
    class Broken(Watched):
        def _answer_batch(self, samples, completions=1):
            raise RuntimeError("CUDA error: an illegal memory access was encountered")

    bench.engine = Broken()
    with pytest.raises(RuntimeError, match="illegal memory access"):
        bench.run().predict(A, bench.samples)
    assert (len(bench.engine.asked), bench.steps) == (1, [])


def test_what_does_not_fit_on_a_card_is_loaded_on_the_cpu(bench):
    loaded: list[str] = []

    def load(spec: CheckpointSpec) -> Watched:
        loaded.append(spec.load.device)
        if spec.load.device != "cpu":
            raise EngineError("could not be loaded") from RuntimeError("MPS backend out of memory")
        return bench.engine

    pool, spec = EnginePool(load), replace(A, load=LoadSettings(device="mps"))
    run = EvaluationRun(**{**bench.given(), "pool": pool})
    run.predict(spec, bench.samples)
    assert (set(loaded[:-1]), loaded[-1], sizes(bench)) == ({"mps"}, "cpu", [4] * 5)
    assert run.placed(spec).load.device == "cpu"
    assert run.degraded == "answered with the weights on the CPU after A ran out of memory on mps"
    assert len(bench.steps) == 2  # no offload for mps, the CPU
