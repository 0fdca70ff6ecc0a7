"""Two logs through the same claims, gate and report as two checkpoints."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

from pytest_vlm.comparison.comparison import Comparison
from pytest_vlm.comparison.sides import Side, Sides
from pytest_vlm.comparison.writer import ClaimWriter
from pytest_vlm.errors import ClaimNotShown
from pytest_vlm.evaluation.evaluation import Evaluation
from pytest_vlm.evaluation.samples import Sample
from pytest_vlm.gate.plan import PlannedTest, TestOutcome
from pytest_vlm.gate.verdict import decide
from pytest_vlm.logs.entries import LoggedAnswers
from pytest_vlm.logs.judging import LoggedScore
from pytest_vlm.logs.pairing import PairedLogs
from pytest_vlm.report.evidence import EvidenceFolder
from pytest_vlm.report.model import CheckpointSummary, ClaimRecord, EventRecord, Record, RunReport
from pytest_vlm.scores.text import exact_match
from pytest_vlm.settings import Settings
from pytest_vlm.stats.result import Claim
from pytest_vlm.versions import installed_versions

TEST = "compare"


@dataclass(frozen=True, kw_only=True)
class LogComparison:
    """What is claimed of two logs, and where the report goes."""

    logs: PairedLogs
    score: LoggedScore
    claim: Claim | None
    bound: float | None
    alpha: float
    folder: Path
    command: str
    sources: tuple[str, str]

    def report(self) -> RunReport:
        """Make the claim, or report the numbers where there is none, and decide."""
        names = (self.logs.baseline.name, self.logs.candidate.name)
        records: list[Record] = [EventRecord(checkpoint=names[1], event=n) for n in self.notes()]
        comparison = self._comparison(records)
        message = ""
        try:
            if self.claim is None:
                comparison.report()
            elif self.claim == "no_regression":
                comparison.assert_no_regression(mde=self.bound or 0.0)
            else:
                getattr(comparison, f"assert_{self.claim}")(margin=self.bound or 0.0)
        except ClaimNotShown as problem:
            message = str(problem)
        left_out = self.logs.left_out
        verdict = decide(
            candidate=names[1],
            baseline=names[0],
            planned=[PlannedTest(test=TEST, checkpoint=names[1], claims=1)],
            outcomes=[
                TestOutcome(test=TEST, outcome="failed" if message else "passed", message=message)
            ],
            records=records,
            selection=[f"{left_out} samples are only in one log"] if left_out else [],
        )
        return RunReport(
            command=self.command,
            created=f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
            samples=f"{len(self.logs.baseline.samples)} samples of two logs",
            # No model runs, and the logs do not say what computed the answers.
            versions=installed_versions(("pytest-vlm", *self.score.score.libraries)),
            checkpoints=tuple(
                CheckpointSummary(name=name, source=source)
                for name, source in zip(names, self.sources, strict=True)
            ),
            verdicts=(verdict,),
            records=tuple(records),
        )

    def notes(self) -> Iterator[str]:
        """What a reader should know before the numbers."""
        samples, reworded = self.logs.baseline.samples, self.logs.reworded
        if reworded:
            yield (
                f"{reworded} of {len(samples)} questions were put in other words (a chat template, "
                "other examples?), which is compared along with the checkpoints"
            )
        if self.logs.left_out and self.claim is None:
            yield f"PARTIAL: {self.logs.left_out} samples are only in one log and are left out"
        if self.score.score.name == exact_match.name and not self._names_options():
            yield "the questions have options; --score choice reads which one an answer names"

    def _names_options(self) -> bool:
        """Whether the baseline's answers are the options themselves, or there are none."""
        log = self.logs.baseline
        pairs = zip(log.samples, log.predictions, strict=True)
        return any(not s.choices or p.answer in (*s.choices, *s.targets) for s, p in pairs)

    def _comparison(self, records: list[Record]) -> Comparison:
        numbers = count(1)
        settings = Settings(alpha=self.alpha)
        sides = Sides(
            baseline=self._side(self.logs.baseline),
            candidate=self._side(self.logs.candidate),
            maps=lambda chosen: ([None] * len(chosen), [None] * len(chosen)),
        )
        return Comparison(
            sides=sides,
            samples=self.logs.baseline.samples,
            score=self.score.score,
            settings=settings,
            writer=ClaimWriter(
                new_id=lambda: f"{TEST}#{next(numbers)}",
                test=TEST,
                sides=sides,
                score=self.score.score.name,
                settings=settings,
                evidence=EvidenceFolder(self.folder),
                record=records.append,
            ),
        )

    def _side(self, log: LoggedAnswers) -> Side:
        places = {sample.id: i for i, sample in enumerate(log.samples)}

        def evaluate(samples: Sequence[Sample]) -> Evaluation:
            chosen = [places[sample.id] for sample in samples]
            return Evaluation(
                predictions=tuple(log.predictions[i] for i in chosen),
                values=tuple(self.score.values(log, chosen)),
            )

        return Side(name=log.name, evaluate=evaluate)


def claim_of(report: RunReport) -> ClaimRecord:
    """The one claim of a comparison."""
    return next(record for record in report.records if isinstance(record, ClaimRecord))
