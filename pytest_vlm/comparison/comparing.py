"""Makes the comparisons of a session: who is compared, how they are asked, who is told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import count

from pytest_vlm.checkpoint.pool.pool import EnginePool
from pytest_vlm.checkpoint.spec import CheckpointSpec
from pytest_vlm.comparison.comparison import Comparison
from pytest_vlm.comparison.sides import Side, Sides
from pytest_vlm.comparison.writer import ClaimWriter
from pytest_vlm.evaluation.dataset import Dataset
from pytest_vlm.evaluation.run import EvaluationRun
from pytest_vlm.evaluation.samples import Sample
from pytest_vlm.evaluation.shuffling import in_looks
from pytest_vlm.evaluation.speed import SpeedPass
from pytest_vlm.report.evidence import EvidenceFolder
from pytest_vlm.report.model import Record
from pytest_vlm.scores.score import Score
from pytest_vlm.settings import Settings


class Comparing:
    """Makes comparisons on behalf of a session.

    Args:
        settings: of the run.
        run: answers of the checkpoints.
        speed: time and memory of two checkpoints.
        pool: where they are loaded.
        dataset: gives the run's dataset, or None without one.
        evidence: where pictures go.
        record: told every claim.
        family: how many claims the run makes.
    """

    def __init__(
        self,
        *,
        settings: Settings,
        run: EvaluationRun,
        speed: SpeedPass,
        pool: EnginePool,
        dataset: Callable[[], Dataset | None],
        evidence: EvidenceFolder,
        record: Callable[[Record], None],
        family: Callable[[], int],
    ) -> None:
        self._settings = settings
        self._run = run
        self._speed = speed
        self._pool = pool
        self._dataset = dataset
        self._evidence = evidence
        self._record = record
        self._family = family
        self._numbers = count(1)

    def make(
        self,
        candidate: CheckpointSpec,
        baseline: CheckpointSpec,
        samples: Sequence[Sample],
        *,
        anchor: CheckpointSpec | None,
        score: Score,
        test: str,
        new_id: Callable[[], str] | None,
    ) -> Comparison:
        """A comparison of two checkpoints, and of the candidate with the anchor."""
        named = new_id or (lambda: f"{test}[{candidate.name}]#{next(self._numbers)}")

        def against(other: CheckpointSpec, then: Comparison | None) -> Comparison:
            sides = self._sides(other, candidate, score)
            return Comparison(
                sides=sides,
                samples=samples,
                score=score,
                settings=self._settings,
                writer=ClaimWriter(
                    new_id=named,
                    test=test,
                    sides=sides,
                    score=score.name,
                    settings=self._settings,
                    evidence=self._evidence,
                    record=self._record,
                    anchor=other is anchor,
                ),
                family=self._family,
                anchor=then,
            )

        return against(baseline, None if anchor is None else against(anchor, None))

    def _sides(self, baseline: CheckpointSpec, candidate: CheckpointSpec, score: Score) -> Sides:
        return Sides(
            baseline=self._side(baseline, score),
            candidate=self._side(candidate, score),
            maps=lambda chosen: (
                self._run.relevance_or_none(baseline, chosen, score.extraction),
                self._run.relevance_or_none(candidate, chosen, score.extraction),
            ),
            measure=lambda chosen: self._speed.measure(baseline, candidate, chosen),
            looks=lambda chosen: in_looks(chosen, self._dataset()),
            loads=lambda: self._pool.opened,
            degraded=lambda: self._run.degraded,
        )

    def _side(self, spec: CheckpointSpec, score: Score) -> Side:
        return Side(
            name=spec.name,
            evaluate=partial(self._run.evaluate, spec, score=score),
            changed_by_batching=partial(
                self._run.changed_by_batching, spec, count=self._settings.check_batching
            ),
        )
