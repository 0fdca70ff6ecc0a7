"""One pytest run: its session, what was planned, what came back, and the report at the end."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_vlm.checkpoint.contestants import Contestants
from pytest_vlm.checkpoint.redaction import redact
from pytest_vlm.errors import SettingsError, VlmError
from pytest_vlm.hooks import given_loaders
from pytest_vlm.options.reading import read_settings
from pytest_vlm.paths import readable
from pytest_vlm.progress import terminal_progress
from pytest_vlm.pytest_run.findings import Findings, as_properties
from pytest_vlm.pytest_run.selection import left_out
from pytest_vlm.report.run_folder import RunFolder
from pytest_vlm.versions import installed_versions

if TYPE_CHECKING:
    from pytest_vlm.checkpoint.spec import CheckpointSpec
    from pytest_vlm.gate.plan import PlannedTest
    from pytest_vlm.report.model import CandidateVerdict, Record, RunReport
    from pytest_vlm.session import Session

LIBRARIES = ("pytest-vlm", "torch", "transformers", "numpy", "scipy", "pillow", "pytest")
RUN = pytest.StashKey["Run"]()


def run_of(config: pytest.Config) -> Run:
    """The run that belongs to a pytest configuration."""
    if RUN not in config.stash:
        config.stash[RUN] = Run(config)
    return config.stash[RUN]


def open_session(config: pytest.Config) -> Session:
    """The run's session, opened at the first use."""
    return run_of(config).session


class Run:
    """Lives on the controller and, with xdist, once more on each worker.

    A worker's records travel on its reports' ``user_properties``, what it collected as a file in
    the run's folder: both survive when the worker is killed.
    """

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self.settings = read_settings(config)
        try:
            self._contestants = Contestants.of(self.settings)
        except SettingsError as error:
            raise pytest.UsageError(str(error)) from error
        self.folder = self.settings.report or config.invocation_params.dir / "vlm-report"
        self._folder = RunFolder(self.folder)
        self.report: RunReport | None = None
        self._session: Session | None = None
        self._pending: list[Record] = []
        self._planned: list[PlannedTest] = []
        self._deselected = 0
        self._findings = Findings()

    @property
    def checkpoints(self) -> tuple[CheckpointSpec, ...]:
        """The baseline and the candidates."""
        return self._contestants.checkpoints

    @property
    def worker(self) -> bool:
        """Whether this process is one of xdist's workers."""
        return hasattr(self._config, "workerinput")

    @property
    def session(self) -> Session:
        """The session of this process."""
        if self._session is None:
            from pytest_vlm.gate.family import family_size
            from pytest_vlm.session import Session

            self._session = Session(
                self.settings,
                folder=self.folder,
                record=self._pending.append,
                loaders=given_loaders(self._config),
                progress=terminal_progress(self._config),
                family=lambda: family_size(self._planned),
            )
        return self._session

    def preflight(self) -> None:
        """Stop before the first test where a checkpoint or the samples cannot be used.

        Raises:
            pytest.UsageError: with the reason and the next step.
        """
        if not self.checkpoints or self.worker:
            return
        try:
            self.session.preflight()
            if not self._config.option.collectonly:
                self._folder.prepare()
        except VlmError as error:
            raise pytest.UsageError(str(error)) from error
        except OSError as error:
            raise pytest.UsageError(
                f"--vlm-report: cannot write to {self.folder}: {error}"
            ) from error

    def plan(self, planned: Sequence[PlannedTest]) -> None:
        """Remember what was collected."""
        self._planned = list(planned)
        if self.worker and self._planned:
            worker: dict[str, str] = self._config.workerinput  # type: ignore[attr-defined]
            self._folder.leave_plan(self._planned, self._deselected, worker["workerid"])

    def deselect(self, count: int) -> None:
        """Remember that tests were left out."""
        self._deselected += count

    def take_pending(self) -> list[tuple[str, object]]:
        """What was recorded since the last call, as user properties of the test that did it."""
        taken = as_properties(self._pending)
        self._pending.clear()
        return taken

    def take_account(self) -> str:
        """What the memory blocks since the last call took; empty without any."""
        return "" if self._session is None else self._session.take_account()

    def add_absence(self, *, test: str, checkpoint: str, reason: str) -> None:
        """Record that a test could not make its claim."""
        from pytest_vlm.report.model import AbsenceRecord

        self._pending.append(AbsenceRecord(test=test, checkpoint=checkpoint, reason=reason))

    def note(self, report: pytest.TestReport) -> None:
        """Take in a test's report."""
        if self.checkpoints:
            self._findings.add_report(report)

    def note_collected(self, report: pytest.CollectReport) -> None:
        """Remember a module that could not be collected, or that skipped itself."""
        if self.checkpoints:
            self._findings.add_collected(report)

    def finish(self, session: pytest.Session) -> tuple[CandidateVerdict, ...]:
        """Decide, write ``index.html`` and ``run.json``, and give the verdicts.

        Empty where nothing was to be decided: no candidate, or no test about one.
        """
        try:
            return self._decide(session)
        finally:
            self.close()

    def _decide(self, session: pytest.Session) -> tuple[CandidateVerdict, ...]:
        if self.worker or self._config.option.collectonly:
            return ()
        if not self._planned:
            self._planned, deselected = self._folder.take_plan()
            self._deselected += deselected
        from pytest_vlm.gate.verdict import decide

        asked = (
            self._planned or self._findings.skipped_modules or self._config.option.vlm_checkpoint
        )
        if len(self.checkpoints) < 2 or not asked:
            return ()
        self._take_left()  # of the preflight, when no test came after it
        selection, anchor = self._selection(session), self._contestants.anchor
        if not selection:
            self._tell_orphans()
        verdicts = tuple(
            decide(
                candidate=candidate.name,
                baseline=self.checkpoints[0].name,
                planned=self._planned,
                outcomes=self._findings.outcomes,
                records=self._findings.records,
                selection=selection,
                alpha=self.settings.alpha,
                anchor="" if anchor is None else anchor.name,
            )
            for candidate in self.checkpoints[1:]
        )
        self.report = self._build(verdicts)
        try:
            self._folder.write(self.report)
        except OSError as error:
            problem = f"the report could not be written: {error}"
            verdicts = tuple(
                replace(one, verdict="HOLD", reasons=(*one.reasons, problem)) for one in verdicts
            )
            self.report = self._build(verdicts)
        return verdicts

    def close(self) -> None:
        """End what is still open; what it held need not be searched for garbage in the end."""
        if self._session is not None:
            self._session.close()
            self._session = None

    def _selection(self, session: pytest.Session) -> list[str]:
        skipped = self._findings.skipped_modules.items()
        return [
            *left_out(session, self.settings, deselected=self._deselected),
            *(f"{module} was skipped: {why}" for module, why in skipped),
        ]

    def _tell_orphans(self) -> None:
        """Record accepted goldens that no test asked for: only a whole run can know of them."""
        from pytest_vlm.golden.orphans import find_orphans
        from pytest_vlm.report.model import EventRecord

        here = self._config.invocation_params.dir
        event = find_orphans(
            self.settings.goldens,
            planned=self._planned,
            outcomes=self._findings.outcomes,
            records=self._findings.records,
            root=self._config.rootpath,
            asked=[here / arg for arg in self._config.args],
        )
        if event:
            self._findings.add(EventRecord(checkpoint="", event=event))

    def _take_left(self) -> None:
        """Take in what no test's report carried here."""
        for record in self._pending:
            self._findings.add(record)
        self._pending.clear()

    def _build(self, verdicts: tuple[CandidateVerdict, ...]) -> RunReport:
        from pytest_vlm.pytest_run.attempts import note_attempts
        from pytest_vlm.report.model import RunReport

        judged = any(getattr(record, "result", None) for record in self._findings.records)
        attempts = note_attempts(self.session, verdicts) if judged else ()
        self._take_left()  # of the ledger
        source = self.settings.samples
        asked = "no samples file"
        if source is not None:
            where = readable(source) if isinstance(source, Path) else source
            asked = f"{len(self.session.samples)} samples of {where}"
        return RunReport(
            command=redact(shlex.join(["pytest", *map(str, self._config.invocation_params.args)])),
            created=f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
            samples=asked,
            versions=installed_versions(LIBRARIES),
            checkpoints=tuple(self.session.describe(spec) for spec in self.session.everybody),
            verdicts=verdicts,
            records=tuple(self._findings.records),
            attempts=attempts,
        )
