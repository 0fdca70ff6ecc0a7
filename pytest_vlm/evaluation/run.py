"""Answers and maps of the checkpoints of one run; every batch is computed once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import TypeVar

from pytest_vlm.checkpoint.pool.pool import EnginePool
from pytest_vlm.checkpoint.spec import CheckpointSpec
from pytest_vlm.errors import RelevanceBudgetError, RelevanceUnavailable
from pytest_vlm.evaluation.answering import Answering
from pytest_vlm.evaluation.batch_plan import LOOK
from pytest_vlm.evaluation.dataset import Dataset
from pytest_vlm.evaluation.evaluation import Evaluation
from pytest_vlm.evaluation.explaining import Explained, Explaining
from pytest_vlm.evaluation.keys import score_key
from pytest_vlm.evaluation.lasting import lasting_values
from pytest_vlm.evaluation.lookup import Answers
from pytest_vlm.evaluation.predictions import Prediction
from pytest_vlm.evaluation.samples import Sample
from pytest_vlm.evaluation.stores import Identity, MemoryStore
from pytest_vlm.heatmap.heatmap import Heatmap
from pytest_vlm.memory.ladder import Ladder
from pytest_vlm.protocols import Progress
from pytest_vlm.scores.extraction import Extractor
from pytest_vlm.scores.score import Case, Score, ScoreValue
from pytest_vlm.settings import GenerationSettings, RelevanceSettings

T = TypeVar("T")


class EvaluationRun:
    """Asks engines for what is not known yet, and keeps the answers as they come.

    Samples of the run's dataset are batched as the whole dataset is, whichever of them are asked
    for, so that an answer depends neither on the question's company nor on what was known before.

    Args:
        pool: where engines come from.
        generation: the same for every checkpoint.
        relevance: how maps are made, where a question does not say it itself.
        ladder: what to do where memory runs out. One question (of a claim, a test) is answered on
            one rung: those asked before memory ran out are asked again.
        dataset: gives the run's dataset, or None without one.
        identify: whose answers a checkpoint gives, and where they are kept.
        evaluated: told a checkpoint's predictions: those just computed, and those that were known
            when they were first asked for.
        measure: measures the memory of a checkpoint while it answers.
        progress: told how far it is.
        told: told what a reviewer should know of how an answer or a map came about.
        look: batches are made of so many samples of the dataset at a time.
    """

    def __init__(
        self,
        *,
        pool: EnginePool,
        generation: GenerationSettings,
        relevance: RelevanceSettings = RelevanceSettings(),
        ladder: Ladder,
        dataset: Callable[[], Dataset | None],
        identify: Callable[[CheckpointSpec], Identity],
        evaluated: Callable[[CheckpointSpec, Sequence[Prediction], Sequence[Prediction]], None],
        measure: Callable[[CheckpointSpec], AbstractContextManager[object]],
        progress: Progress,
        told: Callable[[CheckpointSpec, str], None] = lambda spec, event: None,
        look: int = LOOK,
    ) -> None:
        self._asked = generation
        self._relevance = relevance
        self._ladder = ladder
        self._identify = identify
        self._answering = Answering(
            pool=pool,
            asking=ladder.asking,
            dataset=dataset,
            evaluated=evaluated,
            measure=measure,
            progress=progress,
            look=look,
        )
        self._explaining = Explaining(
            pool=pool,
            asking=ladder.asking,
            progress=progress,
            told=told,
            budget=relevance.budget,
        )
        self._anew: MemoryStore | None = None

    def measure_anew(self, on: bool) -> None:
        """While on, answers are computed for the asked samples alone and nothing is kept.

        Memory that runs out is what such a test is about: it is an error then, and everything is
        computed as asked, whatever fitted before.
        """
        self._anew = MemoryStore() if on else None

    @property
    def degraded(self) -> str:
        """What is otherwise than asked since memory ran out; empty where it did not."""
        return self._ladder.degraded if self._anew is None else ""

    def placed(self, spec: CheckpointSpec) -> CheckpointSpec:
        """The checkpoint where it answers now: on the CPU, where it does not fit elsewhere."""
        return self._ladder.placed(spec) if self._anew is None else spec

    def predict(self, spec: CheckpointSpec, samples: Sequence[Sample]) -> list[Prediction]:
        """One prediction a sample, in order.

        Raises:
            SamplesError: two samples have one id.
        """
        return self._on_one_rung(spec, lambda who: self._answers(who, samples).predictions)

    def changed_by_batching(
        self, spec: CheckpointSpec, samples: Sequence[Sample], count: int
    ) -> list[str]:
        """Ids of those that answer otherwise alone than in their batch, out of `count` samples.

        The samples are spread evenly over those given; their answers alone are kept as well.
        """
        places = sorted({i * len(samples) // count for i in range(count)})
        chosen = [samples[place] for place in places]
        together, alone = self._on_one_rung(
            spec,
            lambda who: [
                self._answers(who, chosen, alone=alone).predictions for alone in (False, True)
            ],
        )
        return [
            one.sample_id
            for one, other in zip(together, alone, strict=True)
            if [c.answer for c in one.completions] != [c.answer for c in other.completions]
        ]

    def relevance(
        self,
        spec: CheckpointSpec,
        samples: Sequence[Sample],
        *,
        method: str | None = None,
        extraction: Sequence[Extractor] = (),
    ) -> list[Heatmap]:
        """One map a sample, of the answer this checkpoint gives, in order.

        Args:
            spec: whose.
            samples: of the dataset, or others.
            method: None for the run's own.
            extraction: takes the final answer out of the whole text; that part is explained.

        Raises:
            RelevanceBudgetError: they would take too many forward passes; none was made.
            RelevanceUnavailable: the checkpoint gives none.
        """

        def explained(who: Identity) -> list[Heatmap]:
            predictions = self._answers(who, samples).predictions
            asked = self._explain(who, samples, predictions, extraction, method)
            return self._explaining.maps(who, asked)

        return self._on_one_rung(spec, explained)

    def evaluate(self, spec: CheckpointSpec, samples: Sequence[Sample], score: Score) -> Evaluation:
        """Answers, maps where the score needs them, and the score's values.

        A sample without an answer has no value, and the reason why.
        """
        return self._on_one_rung(spec, lambda who: self._evaluate(who, samples, score))

    def _evaluate(self, who: Identity, samples: Sequence[Sample], score: Score) -> Evaluation:
        answers = self._answers(who, samples)
        failed = [prediction.unusable == "error" for prediction in answers.predictions]
        triples = zip(samples, answers.predictions, answers.keys, strict=True)
        judged = iter(
            self._judge(
                who, score, [one for one, lost in zip(triples, failed, strict=True) if not lost]
            )
        )
        values = [
            ScoreValue(value=None, reason="; ".join(prediction.events) or "no answer")
            if lost
            else next(judged)
            for prediction, lost in zip(answers.predictions, failed, strict=True)
        ]
        return Evaluation(predictions=tuple(answers.predictions), values=tuple(values))

    def _judge(
        self, who: Identity, score: Score, answered: Sequence[tuple[Sample, Prediction, str]]
    ) -> list[ScoreValue]:
        """What the score says of answers (sample, prediction, key); said once, it is kept."""
        samples = [sample for sample, _, _ in answered]
        predictions = [prediction for _, prediction, _ in answered]
        explained = None
        if "relevance" in score.needs:
            explained = self._explain(who, samples, predictions, score.extraction)
        judged = explained.keys if explained else [key for _, _, key in answered]
        keys = [score_key(score.identity, *pair) for pair in zip(judged, samples, strict=True)]
        with lasting_values():
            known = dict(enumerate(who.store.scores(keys)))
        missing = [place for place, value in known.items() if value is None]
        if missing:
            maps = self._explaining.maps(who, explained) if explained else [None] * len(samples)
            fresh = score(
                [
                    Case(sample=samples[i], prediction=predictions[i], heatmap=maps[i])
                    for i in missing
                ]
            )
            known.update(zip(missing, fresh, strict=True))
            items = [
                (keys[i], v) for i, v in zip(missing, fresh, strict=True) if v.value is not None
            ]
            who.store.store_scores(items, score=f"{score.name} {score.version}")
        return [value for value in known.values() if value is not None]

    def relevance_or_none(
        self,
        spec: CheckpointSpec,
        samples: Sequence[Sample],
        extraction: Sequence[Extractor] = (),
    ) -> Sequence[Heatmap | None]:
        """Maps as evidence: None where there are none, or they are dear, or there is no picture."""
        pictured = [sample for sample in samples if sample.frames]
        try:
            made = self.relevance(spec, pictured, extraction=extraction)
        except (RelevanceBudgetError, RelevanceUnavailable):
            return [None] * len(samples)
        maps = dict(zip(map(id, pictured), made, strict=True))
        return [maps.get(id(sample)) for sample in samples]

    def _on_one_rung(self, spec: CheckpointSpec, ask: Callable[[Identity], T]) -> T:
        """Where memory runs out, everything is asked again; what is known by then is looked up."""
        if self._anew is not None:
            return ask(replace(self._identify(spec), store=self._anew))
        return self._ladder.climb(spec, lambda: ask(self._identify(self._ladder.placed(spec))))

    @property
    def _generation(self) -> GenerationSettings:
        """As asked, in batches as large as the rung allows."""
        if self._anew is not None:
            return self._asked
        return replace(self._asked, batch_size=self._ladder.rung.batch_size)

    def _answers(self, who: Identity, samples: Sequence[Sample], *, alone: bool = False) -> Answers:
        settings = replace(self._generation, batch_size=1) if alone else self._generation
        return self._answering.answers(who, samples, settings, anew=self._anew is not None)

    def _explain(
        self,
        who: Identity,
        samples: Sequence[Sample],
        predictions: Sequence[Prediction],
        extraction: Sequence[Extractor],
        method: str | None = None,
    ) -> Explained:
        return self._explaining.explain(
            who,
            samples,
            predictions,
            self._generation,
            method or self._relevance.method,
            extraction,
        )
