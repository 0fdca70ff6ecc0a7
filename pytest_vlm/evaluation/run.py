"""Answers and maps of the checkpoints of one run; every batch is computed once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace

from pytest_vlm.checkpoint.pool import EnginePool
from pytest_vlm.checkpoint.spec import CheckpointSpec
from pytest_vlm.errors import RelevanceUnavailable, SamplesError
from pytest_vlm.evaluation.batch_plan import BatchPlan, plan_batches
from pytest_vlm.evaluation.predictions import Prediction
from pytest_vlm.evaluation.samples import Sample
from pytest_vlm.heatmap.heatmap import Heatmap
from pytest_vlm.protocols import Progress
from pytest_vlm.scores.score import Case, Score, ScoreValue
from pytest_vlm.settings import GenerationSettings


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """One checkpoint's answers to the samples of a claim, and their scores."""

    predictions: tuple[Prediction, ...]
    values: tuple[ScoreValue, ...]

    def unusable(self) -> dict[str, int]:
        """How many answers are truncated, empty or missing."""
        return dict(Counter(p.unusable for p in self.predictions if p.unusable is not None))


class EvaluationRun:
    """Asks engines for what is not known yet and remembers the answers.

    Samples of `dataset` are batched as the whole dataset is, whichever of them are asked for, so
    that an answer does not depend on the question's company.

    Args:
        pool: where engines come from.
        generation: the same for every checkpoint.
        dataset: gives the run's dataset, or None without one.
        evaluated: told a checkpoint's predictions when they were computed.
        measure: measures the memory of a checkpoint while it answers.
        progress: told how far it is.
    """

    def __init__(
        self,
        *,
        pool: EnginePool,
        generation: GenerationSettings,
        dataset: Callable[[], Sequence[Sample] | None],
        evaluated: Callable[[CheckpointSpec, Sequence[Prediction]], None],
        measure: Callable[[CheckpointSpec], AbstractContextManager[object]],
        progress: Progress,
    ) -> None:
        self._pool = pool
        self._generation = generation
        self._dataset = dataset
        self._evaluated = evaluated
        self._measure = measure
        self._progress = progress
        self._predictions: dict[tuple[str, str, str], Prediction] = {}
        self._heatmaps: dict[tuple[str, str, str], Heatmap] = {}
        self._anew = False

    def measure_anew(self, on: bool) -> None:
        """While on, answers are computed for the asked samples alone and nothing is remembered."""
        self._anew = on

    def predict(self, spec: CheckpointSpec, samples: Sequence[Sample]) -> list[Prediction]:
        """One prediction a sample, in order.

        Raises:
            SamplesError: two samples have one id.
        """
        _refuse_duplicates(samples)
        plan, planned = self._plan(samples)
        known = {} if self._anew else self._predictions
        wanted = {s.id for s in samples if (spec.name, plan.digest, s.id) not in known}
        todo = [batch for batch in plan.batches if any(planned[i].id in wanted for i in batch)]
        total, computed = sum(map(len, todo)), list[Prediction]()
        with self._measure(spec) if todo and not self._anew else nullcontext():
            batches = ([planned[i] for i in batch] for batch in todo)
            self._progress(f"{spec.name}: answers", 0, total)
            for answers in self._pool.get(spec).predict(batches, self._generation) if todo else ():
                for prediction in answers:
                    computed.append(replace(prediction, batch_plan=plan.digest))
                    known[spec.name, plan.digest, prediction.sample_id] = computed[-1]
                self._progress(f"{spec.name}: answers", len(computed), total)
        if computed:
            self._evaluated(spec, computed)
        return [known[spec.name, plan.digest, sample.id] for sample in samples]

    def relevance(self, spec: CheckpointSpec, samples: Sequence[Sample]) -> list[Heatmap]:
        """One map a sample, of the answer this checkpoint gives, in order.

        Raises:
            RelevanceUnavailable: the checkpoint gives none.
        """
        answered = list(zip(samples, self.predict(spec, samples), strict=True))
        keys = [(spec.name, sample.digest, prediction.answer) for sample, prediction in answered]
        known = {} if self._anew else self._heatmaps
        todo = [pair for key, pair in zip(keys, answered, strict=True) if key not in known]
        size = self._generation.batch_size
        for start in range(0, len(todo), size):
            part = todo[start : start + size]
            self._progress(f"{spec.name}: maps", start, len(todo))
            maps = self._pool.get(spec).relevance(
                [sample for sample, _ in part],
                [prediction for _, prediction in part],
                self._generation,
            )
            for (sample, prediction), heatmap in zip(part, maps, strict=True):
                known[spec.name, sample.digest, prediction.answer] = heatmap
        if todo:
            self._progress(f"{spec.name}: maps", len(todo), len(todo))
        return [
            replace(known[key], sample=sample) for key, sample in zip(keys, samples, strict=True)
        ]

    def evaluate(self, spec: CheckpointSpec, samples: Sequence[Sample], score: Score) -> Evaluation:
        """Answers, maps where the score needs them, and the score's values.

        A sample without an answer has no value, and the reason why.
        """
        predictions = self.predict(spec, samples)
        answered = [
            (sample, prediction)
            for sample, prediction in zip(samples, predictions, strict=True)
            if prediction.unusable != "error"
        ]
        maps: Sequence[Heatmap | None] = [None] * len(answered)
        if "relevance" in score.needs:
            maps = self.relevance(spec, [sample for sample, _ in answered])
        cases = [
            Case(sample=sample, prediction=prediction, heatmap=heatmap)
            for (sample, prediction), heatmap in zip(answered, maps, strict=True)
        ]
        judged = iter(score(cases))
        values = [
            ScoreValue(value=None, reason="; ".join(prediction.events) or "no answer")
            if prediction.unusable == "error"
            else next(judged)
            for prediction in predictions
        ]
        return Evaluation(predictions=tuple(predictions), values=tuple(values))

    def relevance_or_none(
        self, spec: CheckpointSpec, samples: Sequence[Sample]
    ) -> Sequence[Heatmap | None]:
        """Maps as evidence: None where the checkpoint gives none, or a sample has no picture."""
        pictured = [sample for sample in samples if sample.frames]
        try:
            maps = dict(zip(map(id, pictured), self.relevance(spec, pictured), strict=True))
        except RelevanceUnavailable:
            maps = {}
        return [maps.get(id(sample)) for sample in samples]

    def _plan(self, samples: Sequence[Sample]) -> tuple[BatchPlan, Sequence[Sample]]:
        whole: Sequence[Sample] = samples
        dataset = None if self._anew else self._dataset()
        if dataset is not None:
            own = {id(sample) for sample in dataset}
            if all(id(sample) in own for sample in samples):
                whole = dataset
        return plan_batches(whole, self._generation.batch_size), whole


def _refuse_duplicates(samples: Sequence[Sample]) -> None:
    repeated = [name for name, count in Counter(s.id for s in samples).items() if count > 1]
    if repeated:
        raise SamplesError(f"two samples have the id {repeated[0]!r}; ids must be unique")
