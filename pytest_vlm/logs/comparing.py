"""Two logs through the same claims, gate and report as two checkpoints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

from pytest_vlm.claim import Comparison, Side
from pytest_vlm.errors import ClaimNotShown, LogError
from pytest_vlm.evaluation.evaluation import Evaluation
from pytest_vlm.evaluation.keys import installed_versions
from pytest_vlm.evaluation.samples import Sample
from pytest_vlm.gate import PlannedTest, TestOutcome, decide
from pytest_vlm.logs.entries import LoggedAnswers
from pytest_vlm.logs.pairing import PairedLogs
from pytest_vlm.report.evidence import EvidenceFolder
from pytest_vlm.report.model import CheckpointSummary, ClaimRecord, Record, RunReport
from pytest_vlm.scores.catalogue import find_score
from pytest_vlm.scores.score import Case, Score, ScoreValue
from pytest_vlm.settings import Settings
from pytest_vlm.stats.result import Claim

TEST = "compare"
RECORDED = "log:"


@dataclass(frozen=True, kw_only=True)
class LogComparison:
    """What is claimed of two logs, and where the report goes."""

    logs: PairedLogs
    score: str
    claim: Claim | None
    bound: float | None
    alpha: float
    folder: Path
    command: str
    sources: tuple[str, str]

    def report(self) -> RunReport:
        """Make the claim, or report the numbers where there is none, and decide.

        Raises:
            LogError: neither log has the metric that was asked for.
        """
        records: list[Record] = []
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
        names = (self.logs.baseline.name, self.logs.candidate.name)
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
            versions=installed_versions(),
            checkpoints=tuple(
                CheckpointSummary(name=name, source=source)
                for name, source in zip(names, self.sources, strict=True)
            ),
            verdicts=(verdict,),
            records=tuple(records),
        )

    def _comparison(self, records: list[Record]) -> Comparison:
        numbers = count(1)
        score = self._recorded() if self.score.startswith(RECORDED) else find_score(self.score)
        return Comparison(
            new_id=lambda: f"{TEST}#{next(numbers)}",
            test=TEST,
            baseline=self._side(self.logs.baseline, score),
            candidate=self._side(self.logs.candidate, score),
            samples=self.logs.baseline.samples,
            score=score,
            settings=Settings(alpha=self.alpha),
            maps=lambda chosen: ([None] * len(chosen), [None] * len(chosen)),
            evidence=EvidenceFolder(self.folder),
            record=records.append,
        )

    def _side(self, log: LoggedAnswers, score: Score) -> Side:
        places = {sample.id: i for i, sample in enumerate(log.samples)}

        def evaluate(samples: Sequence[Sample]) -> Evaluation:
            chosen = [places[sample.id] for sample in samples]
            predictions = tuple(log.predictions[i] for i in chosen)
            if self.score.startswith(RECORDED):
                recorded = log.recorded[self.score.removeprefix(RECORDED)]
                values = [ScoreValue(value=recorded[i], reason="not in the log") for i in chosen]
            else:
                cases = zip(samples, predictions, strict=True)
                values = score([Case(sample=s, prediction=p) for s, p in cases])
            return Evaluation(predictions=predictions, values=tuple(values))

        return Side(name=log.name, evaluate=evaluate)

    def _recorded(self) -> Score:
        """A metric that the tool itself computed."""
        metric = self.score.removeprefix(RECORDED)
        values: list[float] = []
        for log in (self.logs.baseline, self.logs.candidate):
            if metric not in log.recorded:
                there = ", ".join(f"log:{name}" for name in log.recorded) or "none"
                raise LogError(f"{log.name} has no metric {metric!r}; there is {there}")
            values += [value for value in log.recorded[metric] if value is not None]
        if not values or min(values) < 0 or max(values) > 1:
            raise LogError(f"the metric {metric!r} is not between 0 and 1; claims are about those")
        binary = set(values) <= {0.0, 1.0}

        def judged_by_the_tool(case: Case) -> float | None:
            return None

        return Score(
            name=f"{metric} (log)",
            kind="binary" if binary else "bounded",
            needs=frozenset(),
            judge=judged_by_the_tool,
        )


def claim_of(report: RunReport) -> ClaimRecord:
    """The one claim of a comparison."""
    return next(record for record in report.records if isinstance(record, ClaimRecord))
