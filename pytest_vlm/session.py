"""The composition root: checkpoints, samples, evaluation and records. Knows nothing of pytest.

>>> from pytest_vlm.session import Session
>>> from pytest_vlm.settings import Settings
>>> settings = Settings(checkpoints=("A=runs/a", "B=runs/b"), samples=Path("my.jsonl"))
>>> with Session(settings) as session:                                     # doctest: +SKIP
...     comparison = session.compare(session.candidates[0], session.samples, score=exact_match)
...     print(comparison.assert_not_worse(margin=0.05))
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Self

from pytest_vlm.app_client import AppClient, AppServer, run_app
from pytest_vlm.cache.folder import default_folder
from pytest_vlm.cache.opening import open_kept
from pytest_vlm.checkpoint.catalog import CheckpointCatalog
from pytest_vlm.checkpoint.pool import EnginePool
from pytest_vlm.checkpoint.spec import CheckpointSpec, parse_checkpoints
from pytest_vlm.comparison.comparing import Comparing
from pytest_vlm.comparison.comparison import Comparison
from pytest_vlm.data import open_dataset
from pytest_vlm.devices import Devices
from pytest_vlm.engine.registry import find_loader
from pytest_vlm.errors import SamplesError, SettingsError
from pytest_vlm.evaluation import batch_plan, shuffling
from pytest_vlm.evaluation.dataset import Dataset
from pytest_vlm.evaluation.evaluation import Evaluation
from pytest_vlm.evaluation.predictions import Prediction
from pytest_vlm.evaluation.run import EvaluationRun
from pytest_vlm.evaluation.samples import Sample
from pytest_vlm.evaluation.speed import SpeedPass
from pytest_vlm.golden.check import GoldenCheck
from pytest_vlm.golden.goldens import Goldens
from pytest_vlm.heatmap.heatmap import Heatmap
from pytest_vlm.identities import Identities
from pytest_vlm.ledger import FILE, Ledger
from pytest_vlm.measuring import Measuring
from pytest_vlm.memory.guard import LeakCheck, MemoryUse
from pytest_vlm.protocols import Engine, FingerprintedLoader, Loader, Progress
from pytest_vlm.report.evidence import EvidenceFolder
from pytest_vlm.report.model import (
    ANSWERING,
    CheckpointSummary,
    EventRecord,
    Record,
)
from pytest_vlm.requirements import missing_requirement
from pytest_vlm.scores.score import Score
from pytest_vlm.settings import Settings


def _silent(what: str, done: int, total: int, memory: int | None = None) -> None:
    pass


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
        progress: Progress = _silent,
        family: Callable[[], int] = lambda: 1,
    ) -> None:
        self.settings = settings
        self.checkpoints, self.anchor = _parse(settings)
        self.folder = folder or settings.report or Path("vlm-report")
        self.records: list[Record] = []
        self.record: Callable[[Record], None] = record or self.records.append
        local = settings.engine == "local"
        kept = open_kept(settings, self._tell)
        self._store = kept.store
        self._catalog = CheckpointCatalog(in_folders=local, digest=kept.digest)
        self._devices = Devices(local=local, catalog=self._catalog)
        loader = find_loader(settings.engine, {"local": self._load_local, **(loaders or {})})
        self._pool = EnginePool(loader, settings.max_loaded)
        self._identities = Identities(
            settings=settings,
            catalog=self._catalog,
            fingerprint=loader.fingerprint if isinstance(loader, FingerprintedLoader) else None,
            keep=self._store,
        )
        self._measuring = Measuring(
            pool=self._pool, find_meter=self._devices.meter, record=self.record
        )
        self._run = EvaluationRun(
            pool=self._pool,
            generation=settings.generation,
            dataset=self._dataset,
            identify=self._identities.of,
            evaluated=self._measuring.answers,
            measure=lambda spec: self._measuring.guard(spec, None, ANSWERING),
            progress=lambda what, done, total, memory=None: progress(
                what, done, total, self._measuring.in_use()
            ),
            look=batch_plan.LOOK if settings.sequential is None else shuffling.LOOK,
        )
        self._comparing = Comparing(
            settings=settings,
            run=self._run,
            speed=SpeedPass(
                engine=self._pool.get,
                meter=self._devices.meter,
                generation=settings.generation,
                progress=progress,
            ),
            pool=self._pool,
            dataset=self._dataset,
            evidence=EvidenceFolder(self.folder),
            record=self.record,
            family=family,
        )
        self._goldens = Goldens(
            settings=settings,
            folder=self.folder,
            run=self._run,
            fingerprint=lambda spec: self.describe(spec).fingerprint,
            device=self._devices.of,
            record=self.record,
        )
        self._app: AppServer | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Drop models and end the app; the records stay."""
        self._pool.clear()
        self._store.close()
        if self._app is not None:
            self._app.close()
            self._app = None

    @property
    def baseline(self) -> CheckpointSpec:
        """The first checkpoint."""
        if not self.checkpoints:
            raise SettingsError("no checkpoint was given; add --checkpoint A=path/to/folder")
        return self.checkpoints[0]

    @property
    def candidates(self) -> tuple[CheckpointSpec, ...]:
        """Every further checkpoint."""
        return self.checkpoints[1:]

    @property
    def everybody(self) -> tuple[CheckpointSpec, ...]:
        """The baseline, the candidates, and the anchor where there is one."""
        return self.checkpoints if self.anchor is None else (*self.checkpoints, self.anchor)

    @cached_property
    def samples(self) -> Dataset:
        """The dataset, cut to the limit where there is one; shuffled for early stopping.

        Raises:
            SamplesError: none was given, or it is not usable.
        """
        if self.settings.samples is None:
            raise SamplesError("no samples were given; add --vlm-samples path/to/samples.jsonl")
        source, root = self.settings.samples, self.settings.media_root
        given = open_dataset(source, media_root=root)[: self.settings.limit]
        return given if self.settings.sequential is None else shuffling.shuffled(given)

    def preflight(self) -> None:
        """Find out everything that can be known without loading a model.

        Raises:
            CheckpointError: a checkpoint that is missing, incomplete or none.
            SettingsError: goldens of several candidates are to be accepted at once.
            SamplesError: a samples file that is not usable.
        """
        if self.settings.accept_goldens and len(self.candidates) > 1:
            raise SettingsError(
                "--vlm-accept-goldens with several candidates would keep the last one's maps; "
                "give the one whose maps are right"
            )
        for spec in self.everybody:
            self.describe(spec)
        for candidate in self.candidates:
            for event in self._catalog.remarks(
                self.baseline, candidate, self.settings.allow_different
            ):
                self.record(EventRecord(checkpoint=candidate.name, event=event))
        if self.settings.samples is not None and self.checkpoints:
            _ = self.samples

    def describe(self, spec: CheckpointSpec) -> CheckpointSummary:
        """A checkpoint from its files."""
        return self._catalog.summary(spec)

    def fingerprint(self, spec: CheckpointSpec) -> str:
        """What tells a checkpoint's answers from those of any other."""
        return self._identities.of(spec).fingerprint

    def check_comparable(self, candidate: CheckpointSpec) -> None:
        """Refuse a candidate that would not see the same question as the baseline.

        Raises:
            CheckpointMismatch: chat template, tokenizer or image processor differ.
        """
        for other in {self.baseline, self.anchor or self.baseline}:
            self._catalog.check_comparable(other, candidate, self.settings.allow_different)

    def engine(self, spec: CheckpointSpec) -> Engine:
        """A checkpoint, loaded; others are dropped where room is needed."""
        return self._pool.get(spec)

    def predict(self, spec: CheckpointSpec, samples: Sequence[Sample]) -> list[Prediction]:
        """One prediction a sample, in order."""
        return self._run.predict(spec, samples)

    def relevance(self, spec: CheckpointSpec, samples: Sequence[Sample]) -> list[Heatmap]:
        """One map a sample, of the answer this checkpoint gives, in order.

        Raises:
            RelevanceUnavailable: the checkpoint gives none.
        """
        return self._run.relevance(spec, samples)

    def evaluate(self, spec: CheckpointSpec, samples: Sequence[Sample], score: Score) -> Evaluation:
        """Answers, maps where the score needs them, and the score's values."""
        return self._run.evaluate(spec, samples, score)

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
        return self._comparing.make(
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
        return self._goldens.make(candidate, self.baseline, test=test, name=name, node=node)

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
        """
        self._run.measure_anew(True)
        try:
            with self._measuring.block(spec, limit, test):
                yield
        finally:
            self._run.measure_anew(False)

    def leak_check(self, spec: CheckpointSpec, *, limit: int) -> LeakCheck:
        """Begin to watch what a test keeps; `LeakCheck.judge` is called when all of it has ended.

        The checkpoint answers once before, so that what libraries keep for good is not counted.
        """
        self._pool.clear()
        engine = self.engine(spec)
        if self.settings.samples is not None:
            next(engine.predict([self.samples[:1]], self.settings.generation))
        del engine
        return self._measuring.leak_check(spec, limit)

    def record_memory(self, spec: CheckpointSpec, use: MemoryUse, what: str) -> None:
        """Record what a test took or kept."""
        self._measuring.memory(spec, use, what)

    @property
    def ledger(self) -> Ledger | None:
        """Attempts on this and other datasets, beside the cache; None without one."""
        if self.settings.no_cache:
            return None
        return Ledger((self.settings.cache_dir or default_folder(os.environ)) / FILE, self._tell)

    def app(self, spec: CheckpointSpec) -> AppClient:
        """A client of the app, answering with one checkpoint; the app starts at the first call.

        Raises:
            AppError: it did not start, or none is configured.
        """
        if self._app is None:
            self._app = run_app(self.settings)
        return AppClient(self._app.url, spec.name)

    def _tell(self, what: str) -> None:
        self.record(EventRecord(checkpoint="", event=what))

    def _load_local(self, spec: CheckpointSpec) -> Engine:
        from pytest_vlm.engine.local import LocalEngine

        return LocalEngine(spec, self._catalog.folder(spec).path)

    def _dataset(self) -> Dataset | None:
        return None if self.settings.samples is None else self.samples


def _parse(settings: Settings) -> tuple[tuple[CheckpointSpec, ...], CheckpointSpec | None]:
    """The checkpoints and the anchor, told apart by name."""
    given = parse_checkpoints(settings.checkpoints, settings.load)
    if settings.anchor is None:
        return given, None
    try:
        *_, anchor = parse_checkpoints((*settings.checkpoints, settings.anchor), settings.load)
    except SettingsError as error:
        raise SettingsError(f"--vlm-anchor: {error}") from error
    return given, anchor
