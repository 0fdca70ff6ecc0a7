"""Answers and maps of the checkpoints of one run; every batch is computed once."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace

from pytest_vlm.checkpoint.pool import EnginePool
from pytest_vlm.checkpoint.spec import CheckpointSpec
from pytest_vlm.errors import RelevanceUnavailable, SamplesError
from pytest_vlm.evaluation.batch_plan import LOOK, Batch, plan_look
from pytest_vlm.evaluation.dataset import Dataset
from pytest_vlm.evaluation.evaluation import Evaluation
from pytest_vlm.evaluation.explaining import Explaining
from pytest_vlm.evaluation.keys import answer_key, score_key
from pytest_vlm.evaluation.lasting import lasting_values
from pytest_vlm.evaluation.lookup import Answers, PlannedBatch, find_wanted
from pytest_vlm.evaluation.predictions import Prediction
from pytest_vlm.evaluation.samples import Sample
from pytest_vlm.evaluation.stores import Identity, MemoryStore
from pytest_vlm.heatmap.heatmap import Heatmap
from pytest_vlm.protocols import Progress
from pytest_vlm.scores.score import Case, Score, ScoreValue
from pytest_vlm.settings import GenerationSettings


class EvaluationRun:
    """Asks engines for what is not known yet, and keeps the answers as they come.

    Samples of the run's dataset are batched as the whole dataset is, whichever of them are asked
    for, so that an answer depends neither on the question's company nor on what was known before.

    Args:
        pool: where engines come from.
        generation: the same for every checkpoint.
        dataset: gives the run's dataset, or None without one.
        identify: whose answers a checkpoint gives, and where they are kept.
        evaluated: told a checkpoint's predictions: those just computed, and those that were known
            when they were first asked for.
        measure: measures the memory of a checkpoint while it answers.
        progress: told how far it is.
        look: batches are made of so many samples of the dataset at a time.
    """

    def __init__(
        self,
        *,
        pool: EnginePool,
        generation: GenerationSettings,
        dataset: Callable[[], Dataset | None],
        identify: Callable[[CheckpointSpec], Identity],
        evaluated: Callable[[CheckpointSpec, Sequence[Prediction], Sequence[Prediction]], None],
        measure: Callable[[CheckpointSpec], AbstractContextManager[object]],
        progress: Progress,
        look: int = LOOK,
    ) -> None:
        self._pool = pool
        self._look = look
        self._generation = generation
        self._dataset = dataset
        self._identify = identify
        self._evaluated = evaluated
        self._measure = measure
        self._progress = progress
        self._explaining = Explaining(pool=pool, generation=generation, progress=progress)
        self._anew: MemoryStore | None = None
        self._seen: set[str] = set()
        self._failed: dict[str, Prediction] = {}
        self._plans: dict[tuple[int, int], tuple[Batch, ...]] = {}

    def measure_anew(self, on: bool) -> None:
        """While on, answers are computed for the asked samples alone and nothing is kept."""
        self._anew = MemoryStore() if on else None

    def predict(self, spec: CheckpointSpec, samples: Sequence[Sample]) -> list[Prediction]:
        """One prediction a sample, in order.

        Raises:
            SamplesError: two samples have one id.
        """
        return self._answers(self._identity(spec), samples).predictions

    def changed_by_batching(
        self, spec: CheckpointSpec, samples: Sequence[Sample], count: int
    ) -> list[str]:
        """Ids of those that answer otherwise alone than in their batch, out of `count` samples.

        The samples are spread evenly over those given; their answers alone are kept as well.
        """
        who = self._identity(spec)
        places = sorted({i * len(samples) // count for i in range(count)})
        chosen = [samples[place] for place in places]
        together = self._answers(who, chosen).predictions
        alone = self._answers(who, chosen, alone=True).predictions
        return [
            one.sample_id
            for one, other in zip(together, alone, strict=True)
            if [c.answer for c in one.completions] != [c.answer for c in other.completions]
        ]

    def relevance(self, spec: CheckpointSpec, samples: Sequence[Sample]) -> list[Heatmap]:
        """One map a sample, of the answer this checkpoint gives, in order.

        Raises:
            RelevanceUnavailable: the checkpoint gives none.
        """
        who = self._identity(spec)
        return self._explaining.maps(
            who, self._explaining.explain(who, samples, self.predict(spec, samples))
        )

    def evaluate(self, spec: CheckpointSpec, samples: Sequence[Sample], score: Score) -> Evaluation:
        """Answers, maps where the score needs them, and the score's values.

        A sample without an answer has no value, and the reason why.
        """
        who = self._identity(spec)
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
            explained = self._explaining.explain(who, samples, predictions)
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
        self, spec: CheckpointSpec, samples: Sequence[Sample]
    ) -> Sequence[Heatmap | None]:
        """Maps as evidence: None where the checkpoint gives none, or a sample has no picture."""
        pictured = [sample for sample in samples if sample.frames]
        try:
            maps = dict(zip(map(id, pictured), self.relevance(spec, pictured), strict=True))
        except RelevanceUnavailable:
            maps = {}
        return [maps.get(id(sample)) for sample in samples]

    def _identity(self, spec: CheckpointSpec) -> Identity:
        who = self._identify(spec)
        return who if self._anew is None else replace(who, store=self._anew)

    def _answers(self, who: Identity, samples: Sequence[Sample], *, alone: bool = False) -> Answers:
        _refuse_duplicates(samples)
        size = 1 if alone else self._generation.batch_size
        with lasting_values():
            whole, positions = self._within_dataset(samples)
            wanted = dict(zip(positions, samples, strict=True))
            planned = list(find_wanted(self._plan(whole, wanted, size), wanted, who.key))
            answers = Answers({}, {}, positions)
            missing = answers.take(planned, who.store, self._failed)
        new = [place for place, key in answers.found_keys.items() if key not in self._seen]
        reused, computed = [answers.found[place] for place in new], list[Prediction]()
        if missing:
            with who.store.lock(who.key):  # subsets of one plan share batches
                missing = answers.take(missing, who.store, self._failed)
                for one, predictions in self._compute(who, whole, missing):
                    answers.put(one, predictions)
                    computed += predictions
        if reused or computed:
            self._seen.update(answers.found_keys.values())
            self._evaluated(who.spec, computed, reused)
        return answers

    def _plan(
        self, whole: Sequence[Sample], wanted: Mapping[int, Sample], size: int
    ) -> Iterator[Batch]:
        """Every batch of the looks that hold a wanted sample; those of the dataset are kept."""
        generation = replace(self._generation, batch_size=size)
        kept = self._anew is None and whole is self._dataset()
        for start in sorted({position // self._look * self._look for position in wanted}):
            batches = self._plans.get((start, size)) if kept else None
            if batches is None:
                places = range(start, min(start + self._look, len(whole)))
                given = [wanted[place] for place in places if place in wanted]
                look = given if len(given) == len(places) else list(whole[start : places.stop])
                batches = tuple(plan_look(look, start, generation))
            if kept:
                self._plans[start, size] = batches
            yield from batches

    def _compute(
        self, who: Identity, whole: Sequence[Sample], todo: Sequence[PlannedBatch]
    ) -> Iterator[tuple[PlannedBatch, list[Prediction]]]:
        """Answer batch by batch and keep what was answered; an error is asked again next time."""
        if not todo:
            return
        done, total = 0, sum(len(one.batch.positions) for one in todo)
        what = f"{who.spec.name}: answers"
        asked = deque[list[Sample]]()

        def batches() -> Iterator[list[Sample]]:
            for one in todo:
                asked.append([whole[place] for place in one.batch.positions])
                yield asked[-1]

        with self._measure(who.spec) if self._anew is None else nullcontext():
            self._progress(what, 0, total)
            stream = self._pool.get(who.spec).predict(batches(), self._generation)
            for one, predictions in zip(todo, stream, strict=True):
                digest = one.batch.digest
                planned = [replace(p, batch_plan=digest) for p in predictions]
                keys = [answer_key(who.key, digest, sample) for sample in asked.popleft()]
                keyed = list(zip(keys, planned, strict=True))
                self._failed.update((key, p) for key, p in keyed if p.unusable == "error")
                who.check_unchanged()
                who.store.store_predictions(
                    [(key, p) for key, p in keyed if p.unusable != "error"],
                    checkpoint=who.fingerprint,
                )
                yield one, planned
                done += len(planned)
                self._progress(what, done, total)

    def _within_dataset(self, samples: Sequence[Sample]) -> tuple[Sequence[Sample], list[int]]:
        """What the samples are planned with, and their positions in it."""
        dataset = None if self._anew else self._dataset()
        if dataset is None:
            return samples, list(range(len(samples)))
        if isinstance(samples, Dataset) and samples.root is dataset.root:
            places: list[int | None] = list(map(int, samples.positions))
        else:
            places = [dataset.position_of(sample) for sample in samples]
        known = [place for place in places if place is not None and place < len(dataset)]
        if len(known) < len(places):
            return samples, list(range(len(samples)))
        return dataset, known


def _refuse_duplicates(samples: Sequence[Sample]) -> None:
    repeated = [name for name, count in Counter(s.id for s in samples).items() if count > 1]
    if repeated:
        raise SamplesError(f"two samples have the id {repeated[0]!r}; ids must be unique")
