"""What one checkpoint answered to the samples of a claim, and what a score says of it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cached_property

from pytest_vlm.evaluation.predictions import Prediction
from pytest_vlm.scores.behaviour import refuses
from pytest_vlm.scores.score import ScoreValue


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """One checkpoint's answers to the samples of a claim, and their scores."""

    predictions: tuple[Prediction, ...]
    values: tuple[ScoreValue, ...]

    def followed_by(self, others: Evaluation) -> Evaluation:
        """These samples and some more."""
        return Evaluation(
            predictions=(*self.predictions, *others.predictions),
            values=(*self.values, *others.values),
        )

    def first(self, count: int) -> Evaluation:
        """The first so many samples."""
        return Evaluation(predictions=self.predictions[:count], values=self.values[:count])

    def unusable(self) -> dict[str, int]:
        """How many completions are truncated, empty, missing, or say nothing that can be judged.

        Beside them the samples whose answer is a refusal, which may be what was asked for.
        """
        completions = (c for prediction in self.predictions for c in prediction.completions)
        counts = Counter[str](c.unusable for c in completions if c.unusable is not None)
        counts["unparsable"] = sum(value.unparsable for value in self.values)
        counts["refused"] = sum(self.refused)
        return {kind: count for kind, count in counts.items() if count}

    @cached_property
    def refused(self) -> tuple[bool, ...]:
        """For each sample whether some completion of it refuses to answer."""
        said = {c.answer for prediction in self.predictions for c in prediction.completions}
        refusing = {answer for answer in said if refuses(answer)}
        return tuple(
            any(c.answer in refusing for c in prediction.completions)
            for prediction in self.predictions
        )

    def numbers(self) -> list[float]:
        """The values, where no sample is without one."""
        return [value.value for value in self.values if value.value is not None]

    def is_unusable(self) -> list[bool]:
        """For each sample whether some completion of it cannot be used."""
        return [
            bool(value.unparsable) or any(c.unusable for c in prediction.completions)
            for prediction, value in zip(self.predictions, self.values, strict=True)
        ]
