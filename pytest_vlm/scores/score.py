"""What a score is, and how to make one of a function."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from pytest_vlm.evaluation.predictions import Prediction
from pytest_vlm.evaluation.samples import Sample
from pytest_vlm.heatmap.heatmap import Heatmap

Kind = Literal["binary", "bounded", "positive"]
Better = Literal["higher", "lower"]
Need = Literal["targets", "regions", "relevance"]


@dataclass(frozen=True, kw_only=True)
class Case:
    """Everything a score may look at for one sample and one checkpoint."""

    sample: Sample
    prediction: Prediction
    heatmap: Heatmap | None = None


@dataclass(frozen=True, kw_only=True)
class ScoreValue:
    """One sample's number, or the reason why there is none.

    Attributes:
        value: None where the score could not judge.
        variance: of the value, where the score knows one (several completions).
        reason: why the value is missing.
    """

    value: float | None
    variance: float | None = None
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class Score:
    """A named way to judge a prediction.

    Attributes:
        name: as it stands in the report.
        version: raised whenever the numbers change.
        kind: ``binary`` | ``bounded`` | ``positive``; decides the test and what a margin means.
        better: the direction of improvement; it travels with the score.
        bounds: smallest and largest possible value.
        needs: what a sample (``targets``, ``regions``) or a checkpoint (``relevance``) must have.
        function: maps a batch of cases to as many values.
    """

    name: str
    version: int
    kind: Kind
    better: Better
    bounds: tuple[float, float]
    needs: frozenset[Need]
    function: Callable[[Sequence[Case]], Sequence[ScoreValue]]

    def __call__(self, cases: Sequence[Case]) -> Sequence[ScoreValue]:
        """Judge a batch of cases."""
        return self.function(cases)

    def applies_to(self, sample: Sample) -> bool:
        """Whether the sample carries what this score needs of it."""
        return all(getattr(sample, need) for need in self.needs & {"targets", "regions"})


def score(
    *,
    name: str,
    version: int = 1,
    kind: Kind = "binary",
    better: Better = "higher",
    bounds: tuple[float, float] = (0.0, 1.0),
    needs: Sequence[Need] = ("targets",),
) -> Callable[[Callable[[Case], float | None]], Score]:
    """Make a score of a function that judges one case; it returns None where it cannot.

    >>> @score(name="starts with a capital", needs=())
    ... def capital(case):
    ...     return float(case.prediction.answer[:1].isupper())
    >>> capital.kind
    'binary'
    """

    def make(judge: Callable[[Case], float | None]) -> Score:
        def judge_all(cases: Sequence[Case]) -> list[ScoreValue]:
            values = (judge(case) for case in cases)
            reason = f"{name} could not judge it"
            return [
                ScoreValue(value=value)
                if value is not None
                else ScoreValue(value=None, reason=reason)
                for value in values
            ]

        return Score(
            name=name,
            version=version,
            kind=kind,
            better=better,
            bounds=bounds,
            needs=frozenset(needs),
            function=judge_all,
        )

    return make
