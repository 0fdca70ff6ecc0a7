"""The composition root: checkpoints, samples, evaluation and records. Knows nothing of pytest.

>>> from pytest_vlm.session import Session
>>> from pytest_vlm.settings import Settings
>>> settings = Settings(checkpoints=("A=runs/a", "B=runs/b"), samples=Path("my.jsonl"))
>>> with Session(settings) as session:                                     # doctest: +SKIP
...     comparison = session.compare(session.candidates[0], session.samples, score=exact_match)
...     print(comparison.assert_not_worse(margin=0.05))
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import cache, partial
from pathlib import Path
from typing import Self

from pytest_vlm.app_client import AppClient, AppServer, run_app
from pytest_vlm.assembly.assembly import Assembly
from pytest_vlm.assembly.dataset import open_samples
from pytest_vlm.assembly.preflight import inspect_all
from pytest_vlm.assembly.requirements import missing_requirement
from pytest_vlm.checkpoint.contestants import Contestants
from pytest_vlm.checkpoint.spec import CheckpointSpec
from pytest_vlm.comparison.comparison import Comparison
from pytest_vlm.errors import SamplesError
from pytest_vlm.evaluation.dataset import Dataset
from pytest_vlm.evaluation.evaluation import Evaluation
from pytest_vlm.evaluation.predictions import Prediction
from pytest_vlm.evaluation.samples import Sample
from pytest_vlm.golden.check import GoldenCheck
from pytest_vlm.heatmap.heatmap import Heatmap
from pytest_vlm.memory.guard import LeakCheck
from pytest_vlm.memory.use import MemoryUse
from pytest_vlm.progress import no_progress
from pytest_vlm.protocols import Engine, Loader, Progress
from pytest_vlm.report.model import CheckpointSummary, Record
from pytest_vlm.scores.extraction import Extractor
from pytest_vlm.scores.score import Score
from pytest_vlm.settings import Settings


class Session:
    """One run over one dataset: the first checkpoint is the baseline, the others are candidates.

    Args:
        settings: what to do.
        loaders: engine name to loader, beside ``local``, ``fake`` and those of the entry-point
            group ``pytest_vlm.loaders``.
        folder: where evidence and pending goldens go.
        record: told everything a report needs, as it happens.
        progress: told how far an evaluation is.
        family: how many claims the run makes; a regression is one among so many.

    Raises:
        SettingsError: checkpoints that cannot be told apart, or an unknown engine.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        loaders: Mapping[str, Loader] | None = None,
        folder: Path | None = None,
        record: Callable[[Record], None] | None = None,
        progress: Progress = no_progress,
        family: Callable[[], int] = lambda: 1,
    ) -> None:
        self.settings = settings
        self._contestants = Contestants.of(settings)
        self.folder = folder or settings.report or Path("vlm-report")
        self.records: list[Record] = []
        self.record: Callable[[Record], None] = record or self.records.append
        # No method: a session that its own parts refer to is freed by the garbage collector alone.
        self._dataset = cache(partial(open_samples, settings))
        self._parts = Assembly.of(
            settings,
            loaders=loaders or {},
            folder=self.folder,
            record=self.record,
            progress=progress,
            family=family,
            dataset=self._dataset,
        )
        self._app: AppServer | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Drop models and samples and end the app; the records stay."""
        self._parts.pool.clear()
        self._parts.capacity.restore()
        self._parts.store.close()
        self._dataset.cache_clear()
        if self._app is not None:
            self._app.close()
            self._app = None

    @property
    def checkpoints(self) -> tuple[CheckpointSpec, ...]:
        """The baseline and the candidates."""
        return self._contestants.checkpoints

    @property
    def baseline(self) -> CheckpointSpec:
        """The first checkpoint.

        Raises:
            SettingsError: there is none.
        """
        return self._contestants.baseline

    @property
    def candidates(self) -> tuple[CheckpointSpec, ...]:
        """Every further checkpoint."""
        return self._contestants.candidates

    @property
    def anchor(self) -> CheckpointSpec | None:
        """A checkpoint of long ago, which no candidate may fall behind."""
        return self._contestants.anchor

    @property
    def everybody(self) -> tuple[CheckpointSpec, ...]:
        """The baseline, the candidates, and the anchor where there is one."""
        return self._contestants.everybody

    @property
    def samples(self) -> Dataset:
        """The dataset, cut to the limit where there is one; shuffled for early stopping.

        Raises:
            SamplesError: none was given, or it is not usable.
        """
        dataset = self._dataset()
        if dataset is None:
            raise SamplesError("no samples were given; add --vlm-samples path/to/samples.jsonl")
        return dataset

    def preflight(self) -> None:
        """Find out everything that can be known without loading a model.

        Raises:
            CheckpointError: a checkpoint that is missing, incomplete or none.
            SettingsError: goldens of several candidates are to be accepted at once, or in CI.
            SamplesError: a samples file that is not usable.
        """
        self._parts.goldens.check_accepting(len(self.candidates))
        for remark in inspect_all(
            self._contestants,
            self._parts.catalog,
            self.settings.allow_different,
            self.settings.engine,
        ):
            self.record(remark)
        if self.settings.samples is not None and self.checkpoints:
            _ = self.samples

    def describe(self, spec: CheckpointSpec) -> CheckpointSummary:
        """A checkpoint from its files."""
        return self._parts.catalog.summary(spec)

    def fingerprint(self, spec: CheckpointSpec) -> str:
        """What tells a checkpoint's answers from those of any other."""
        return self._parts.identities.of(spec).fingerprint

    def check_comparable(self, candidate: CheckpointSpec) -> None:
        """Refuse a candidate that would not see the same question as the baseline.

        Raises:
            CheckpointMismatch: chat template, tokenizer or image processor differ.
        """
        for other in {self.baseline, self.anchor or self.baseline}:
            self._parts.catalog.check_comparable(other, candidate, self.settings.allow_different)

    def engine(self, spec: CheckpointSpec) -> Engine:
        """A checkpoint, loaded; others are dropped where room is needed."""
        return self._parts.pool.get(spec)

    def lease(self, spec: CheckpointSpec) -> AbstractContextManager[Engine]:
        """The same for a block, in which nothing drops it.

        Raises:
            MemoryBudgetError: there is no room beside what is in use.
        """
        return self._parts.pool.lease(spec)

    def predict(self, spec: CheckpointSpec, samples: Sequence[Sample]) -> list[Prediction]:
        """One prediction a sample, in order."""
        return self._parts.run.predict(spec, samples)

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
            method: None for the settings'.
            extraction: takes the final answer out of the whole text; that part is explained.

        Raises:
            RelevanceUnavailable: the checkpoint gives none.
        """
        return self._parts.run.relevance(spec, samples, method=method, extraction=extraction)

    def evaluate(self, spec: CheckpointSpec, samples: Sequence[Sample], score: Score) -> Evaluation:
        """Answers, maps where the score needs them, and the score's values."""
        return self._parts.run.evaluate(spec, samples, score)

    def compare(
        self,
        candidate: CheckpointSpec,
        samples: Sequence[Sample],
        *,
        score: Score,
        test: str = "",
        new_id: Callable[[], str] | None = None,
    ) -> Comparison:
        """A comparison with the baseline; nothing is evaluated until a claim is made.

        Args:
            candidate: whom it is about.
            samples: those that the score does not apply to are left out, and counted.
            score: of any kind; one that needs a measurement is measured anew.
            test: on whose behalf, for the report.
            new_id: names each claim that is recorded; by default they are numbered.
        """
        return self._parts.comparing.make(
            candidate,
            self.baseline,
            samples,
            anchor=self.anchor,
            score=score,
            test=test,
            new_id=new_id,
        )

    def golden(self, candidate: CheckpointSpec, *, test: str, name: str, node: str) -> GoldenCheck:
        """The golden `name` of a test, to be checked against the candidate's map."""
        return self._parts.goldens.make(candidate, self.baseline, test=test, name=name, node=node)

    def lacks(self, requirement: str) -> str:
        """Why the run cannot meet a requirement of ``vlm_requires``; empty where it can.

        Raises:
            SettingsError: an unknown requirement.
        """
        return missing_requirement(
            requirement,
            samples=lambda: self.samples,
            app=bool(self.settings.app or self.settings.app_url),
            try_relevance=lambda sample: self.relevance(self.baseline, [sample]),
        )

    @contextmanager
    def memory_guard(
        self, spec: CheckpointSpec, *, limit: int | None, test: str = ""
    ) -> Iterator[None]:
        """Measure a block that starts without any loaded model and computes every answer anew.

        Raises:
            MemoryLimitExceeded: it took more than the limit, or could not be measured.
            SettingsError: another block is being measured.
        """
        with self._parts.measuring.block(spec, limit, test):
            self._parts.run.measure_anew(True)
            try:
                yield
            finally:
                self._parts.run.measure_anew(False)

    def take_account(self) -> str:
        """What the blocks since the last call took, step by step; empty without any."""
        return self._parts.measuring.take_account()

    def leak_check(self, spec: CheckpointSpec, *, limit: int) -> LeakCheck:
        """Begin to watch what a test keeps; `LeakCheck.judge` is called when all of it has ended.

        The checkpoint answers once before, so that what libraries keep for good is not counted.
        """
        self._parts.pool.clear()
        with self.lease(spec) as engine:
            if self.settings.samples is not None:
                next(engine.predict([self.samples[:1]], self.settings.generation))
        del engine
        return self._parts.measuring.leak_check(spec, limit)

    def record_memory(self, spec: CheckpointSpec, use: MemoryUse, what: str) -> None:
        """Record what a test took or kept."""
        self._parts.measuring.memory(spec, use, what)

    def app(self, spec: CheckpointSpec) -> AppClient:
        """A client of the app, answering with one checkpoint; the app starts at the first call.

        Raises:
            AppError: it did not start, or none is configured.
        """
        if self._app is None:
            self._app = run_app(self.settings)
        return AppClient(self._app.url, spec.name)
