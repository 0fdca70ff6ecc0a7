"""What maps cost is known, said and refused before a model is loaded for them."""

from __future__ import annotations

from contextlib import nullcontext

import pytest

from pytest_vlm.checkpoint.pool.pool import EnginePool
from pytest_vlm.checkpoint.spec import CheckpointSpec
from pytest_vlm.engine.fake import FakeEngine, Script
from pytest_vlm.errors import RelevanceBudgetError, RelevanceUnavailable
from pytest_vlm.evaluation.dataset import Dataset
from pytest_vlm.evaluation.map_cost import MapCost
from pytest_vlm.evaluation.run import EvaluationRun
from pytest_vlm.evaluation.samples import Sample
from pytest_vlm.evaluation.stores import Identity, MemoryStore
from pytest_vlm.memory.ladder import Ladder
from pytest_vlm.settings import GenerationSettings, RelevanceSettings

A = CheckpointSpec(name="A", source="a")
TOKENS = 16


class Watched(FakeEngine):
    """Counts the maps that it makes."""

    def __init__(self) -> None:
        super().__init__(Script(visual_tokens=TOKENS))
        self.mapped: list[str] = []

    def relevance(self, samples, predictions, settings, wanted):
        self.mapped += [sample.id for sample in samples]
        return super().relevance(samples, predictions, settings, wanted)


class Bench:
    def __init__(self, samples: list[Sample]) -> None:
        self.samples, self.engine, self.store = samples, Watched(), MemoryStore()
        self.events: list[str] = []
        self.loads = 0

    def load(self, spec):
        self.loads += 1
        return self.engine

    def run(self, method: str, budget: int) -> EvaluationRun:
        ladder = Ladder(
            batch_size=4,
            device=lambda spec: "cpu",
            meter=lambda spec: None,
            evict=lambda kept: None,
            empty_cache=lambda device: None,
            told=lambda spec, step: None,
        )
        return EvaluationRun(
            pool=EnginePool(self.load),
            generation=GenerationSettings(batch_size=4),
            relevance=RelevanceSettings(method=method, budget=budget),
            ladder=ladder,
            dataset=lambda: Dataset(self.samples),
            identify=lambda spec: Identity(spec, "k", "f", self.store, lambda: None),
            evaluated=lambda spec, computed, reused: None,
            measure=lambda spec: nullcontext(),
            progress=lambda what, done, total, memory=None: None,
            told=lambda spec, event: self.events.append(f"{spec.name}: {event}"),
        )


@pytest.fixture
def bench(picture) -> Bench:
    image = picture()
    return Bench(
        [Sample.ask(id=str(n), image=image, query=f"{n:04}", targets=("x",)) for n in range(8)]
    )


def test_occlusion_is_refused_above_the_budget_and_nothing_is_mapped(bench):
    with pytest.raises(RelevanceBudgetError) as refused:
        bench.run("occlusion", 8 * 17 - 1).relevance(A, bench.samples)
    said = str(refused.value)
    assert "A: maps by occlusion: 136 forward passes for 8 samples, and the budget is 135" in said
    assert "--vlm-limit" in said
    assert "--vlm-relevance-budget 136" in said
    assert "--vlm-relevance attention" in said
    assert not isinstance(refused.value, RelevanceUnavailable)
    assert (bench.engine.mapped, bench.events) == ([], [])


def test_what_fits_the_budget_is_announced_and_made(bench):
    assert len(bench.run("occlusion", 136).relevance(A, bench.samples)) == 8
    assert bench.events == ["A: maps by occlusion: 136 forward passes for 8 samples"]
    assert len(bench.engine.mapped) == 8


def test_known_answers_are_refused_without_loading_anything(bench):
    bench.run("attention", 0).predict(A, bench.samples)
    loads = bench.loads
    with pytest.raises(RelevanceBudgetError):
        bench.run("pixel_gradient", 15).relevance(A, bench.samples)
    assert bench.loads == loads


def test_maps_that_are_known_cost_nothing(bench):
    first = bench.run("occlusion", 136).relevance(A, bench.samples)
    again = bench.run("occlusion", 0).relevance(A, bench.samples)
    assert len(again) == len(first)
    assert (len(bench.events), len(bench.engine.mapped)) == (1, 8)


@pytest.mark.parametrize("method", ["attention", "rollout", "own", "somebody's"])
def test_one_pass_a_sample_needs_no_budget_and_no_words(bench, method):
    assert len(bench.run(method, 0).relevance(A, bench.samples)) == 8
    assert bench.events == []


def test_evidence_goes_without_dear_maps(bench):
    assert bench.run("occlusion", 1).relevance_or_none(A, bench.samples) == [None] * 8


def test_tokens_that_nobody_counted_are_guessed_from_the_picture(bench):
    (prediction,) = next(
        FakeEngine(Script(visual_tokens=0)).predict([bench.samples[:1]], GenerationSettings())
    )
    cost = MapCost.of("occlusion", bench.samples[:1], [prediction])
    assert cost.passes > 1
