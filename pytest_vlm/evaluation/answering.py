"""Answers to samples: looked up, or computed batch by batch."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from operator import is_

from pytest_vlm.checkpoint.pool.pool import EnginePool
from pytest_vlm.checkpoint.pool.written import check_unwritten
from pytest_vlm.checkpoint.spec import CheckpointSpec
from pytest_vlm.errors import SamplesError
from pytest_vlm.evaluation.batch_plan import Batch, plan_look
from pytest_vlm.evaluation.dataset import Dataset
from pytest_vlm.evaluation.keys import answer_key
from pytest_vlm.evaluation.lasting import lasting_values
from pytest_vlm.evaluation.lookup import Answers, PlannedBatch, find_wanted
from pytest_vlm.evaluation.predictions import Prediction
from pytest_vlm.evaluation.replies import check_answers, paired
from pytest_vlm.evaluation.samples import Sample
from pytest_vlm.evaluation.stores import Identity
from pytest_vlm.protocols import Progress
from pytest_vlm.settings import GenerationSettings


class Answering:
    """Answers samples on behalf of a run; every batch is computed once.

    Args:
        pool: where engines come from.
        asking: told how many samples are answered next; none before a checkpoint is loaded.
        dataset: gives the run's dataset, or None without one.
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
        asking: Callable[[int], None],
        dataset: Callable[[], Dataset | None],
        evaluated: Callable[[CheckpointSpec, Sequence[Prediction], Sequence[Prediction]], None],
        measure: Callable[[CheckpointSpec], AbstractContextManager[object]],
        progress: Progress,
        look: int,
    ) -> None:
        self._pool = pool
        self._asking = asking
        self._dataset = dataset
        self._evaluated = evaluated
        self._measure = measure
        self._progress = progress
        self._look = look
        self._seen: set[str] = set()
        self._failed: dict[str, Prediction] = {}
        self._plans: dict[tuple[int, int], tuple[Batch, ...]] = {}

    def answers(
        self, who: Identity, samples: Sequence[Sample], settings: GenerationSettings, *, anew: bool
    ) -> Answers:
        """Answers and their keys, in order of the samples.

        Args:
            who: answers.
            samples: of the dataset, or others.
            settings: their batch size decides the plan.
            anew: the samples are planned alone, and the memory is measured by somebody else.

        Raises:
            SamplesError: two samples have one id.
        """
        _refuse_duplicates(samples)
        with lasting_values():
            whole, positions = self._within_dataset(samples, anew)
            wanted = dict(zip(positions, samples, strict=True))
            planned = list(find_wanted(self._plan(whole, wanted, settings, anew), wanted, who.key))
            answers = Answers({}, {}, positions)
            missing = answers.take(planned, who.store, self._failed)
        new = [place for place, key in answers.found_keys.items() if key not in self._seen]
        reused, computed = [answers.found[place] for place in new], list[Prediction]()
        if missing:
            with who.store.lock(who.key):  # subsets of one plan share batches
                missing = answers.take(missing, who.store, self._failed)
                try:
                    for one, predictions in self._compute(who, whole, missing, settings, anew):
                        answers.put(one, predictions)
                        computed += predictions
                finally:  # what was answered before memory ran out is no answer of an earlier run
                    self._tell(who, answers, computed, reused)
        else:
            self._tell(who, answers, computed, reused)
        return answers

    def _tell(
        self,
        who: Identity,
        answers: Answers,
        computed: Sequence[Prediction],
        reused: Sequence[Prediction],
    ) -> None:
        if reused or computed:
            self._seen.update(answers.found_keys.values())
            self._evaluated(who.spec, computed, reused)

    def _plan(
        self,
        whole: Sequence[Sample],
        wanted: Mapping[int, Sample],
        settings: GenerationSettings,
        anew: bool,
    ) -> Iterator[Batch]:
        """Every batch of the looks that hold a wanted sample; those of the dataset are kept."""
        size = settings.batch_size
        kept = not anew and whole is self._dataset()
        for start in sorted({position // self._look * self._look for position in wanted}):
            batches = self._plans.get((start, size)) if kept else None
            if batches is None:
                places = range(start, min(start + self._look, len(whole)))
                given = [wanted[place] for place in places if place in wanted]
                look = given if len(given) == len(places) else list(whole[start : places.stop])
                batches = tuple(plan_look(look, start, settings))
            if kept:
                self._plans[start, size] = batches
            yield from batches

    def _compute(
        self,
        who: Identity,
        whole: Sequence[Sample],
        todo: Sequence[PlannedBatch],
        settings: GenerationSettings,
        anew: bool,
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

        with nullcontext() if anew else self._measure(who.spec):
            self._progress(what, 0, total)
            self._asking(0)
            with self._pool.lease(who.spec) as engine:
                self._asking(len(todo[0].batch.positions))
                stream = engine.predict(batches(), settings)
                for one, predictions in paired(who.spec, todo, stream):
                    digest, batch = one.batch.digest, asked.popleft()
                    check_answers(who.spec, batch, predictions, settings.completions)
                    planned = [replace(p, batch_plan=digest) for p in predictions]
                    keys: Sequence[str] = one.keys
                    if len(keys) < len(batch):  # some rows were not asked for
                        keys = [answer_key(who.key, digest, sample) for sample in batch]
                    check_unwritten(who.spec, engine)
                    self._keep(who, list(zip(keys, planned, strict=True)))
                    yield one, planned
                    done += len(planned)
                    self._progress(what, done, total)

    def _keep(self, who: Identity, answered: Sequence[tuple[str, Prediction]]) -> None:
        """Answers by key; those that failed are known to this run only."""
        self._failed.update((key, p) for key, p in answered if p.unusable == "error")
        who.check_unchanged()
        who.store.store_predictions(
            [(key, p) for key, p in answered if p.unusable != "error"], checkpoint=who.fingerprint
        )

    def _within_dataset(
        self, samples: Sequence[Sample], anew: bool
    ) -> tuple[Sequence[Sample], list[int]]:
        """What the samples are planned with, and their positions in it."""
        dataset = None if anew else self._dataset()
        if dataset is None:
            return samples, list(range(len(samples)))
        if len(samples) == len(dataset) and all(map(is_, samples, dataset)):
            return dataset, list(range(len(dataset)))
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
