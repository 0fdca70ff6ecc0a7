"""A score of two answers at once: which of them is better, not how good each is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pytest_vlm.evaluation.predictions import Prediction
from pytest_vlm.evaluation.samples import Sample
from pytest_vlm.kinds import Kind
from pytest_vlm.scores.score import Case, Score, ScoreValue

Sides = tuple[ScoreValue, ScoreValue]
Together = Callable[[Sequence[Sample], Sequence[Prediction], Sequence[Prediction]], Sequence[Sides]]


def _not_alone(case: Case) -> float | None:
    return None


@dataclass(frozen=True, kw_only=True)
class PairScore(Score):
    """Judges the baseline's and the candidate's answer together.

    Attributes:
        together: both sides' predictions of some samples to one value for each side.
    """

    kind: Kind = "bounded"
    judge: Callable[[Case], float | None] = _not_alone
    together: Together

    def __call__(self, cases: Sequence[Case]) -> list[ScoreValue]:
        """No value: one answer alone is not judged."""
        return [ScoreValue(value=None, reason="judged in pairs only") for _ in cases]
