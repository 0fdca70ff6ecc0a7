"""Both sides' answers to the samples of a claim, paired; gaps are named, never left out."""

from __future__ import annotations

from dataclasses import dataclass

from pytest_vlm.evaluation.run import Evaluation
from pytest_vlm.evaluation.samples import Sample
from pytest_vlm.report.evidence import Flip
from pytest_vlm.scores.score import Score
from pytest_vlm.stats.mcnemar import mcnemar_midp

UNUSABLE_LIMIT = 0.05


@dataclass(frozen=True, kw_only=True)
class Pairs:
    """Position i of everything is sample i.

    Attributes:
        score: that judged both sides.
        names: of the baseline and the candidate.
        samples: those that carry what the score needs.
    """

    score: Score
    names: tuple[str, str]
    samples: tuple[Sample, ...]
    baseline: Evaluation
    candidate: Evaluation

    def problem(self) -> str:
        """Why nothing can be claimed from these pairs; empty where something can."""
        for name, evaluation in zip(self.names, (self.baseline, self.candidate), strict=True):
            gaps = [
                (sample.id, value.reason)
                for sample, value in zip(self.samples, evaluation.values, strict=True)
                if value.value is None
            ]
            if gaps:
                return (
                    f"{len(gaps)} of {len(self.samples)} samples have no value for {name}, "
                    f"such as {gaps[0][0]} ({gaps[0][1]})"
                )
        unusable = self.baseline.unusable()
        if sum(unusable.values()) > UNUSABLE_LIMIT * len(self.samples):
            kind, count = max(unusable.items(), key=lambda item: item[1])
            hint = "; raise --vlm-max-new-tokens" if kind == "truncated" else ""
            return (
                f"{count} of {len(self.samples)} answers of the baseline {self.names[0]} are "
                f"{kind}, so agreeing with them proves nothing{hint}"
            )
        answers = {prediction.answer for prediction in self.baseline.predictions}
        asked = {sample.targets for sample in self.samples}
        if len(answers) == 1 < len(asked) and "relevance" not in self.score.needs:
            return (
                f"the baseline {self.names[0]} answers {answers.pop()!r} to everything, "
                "so agreeing with it proves nothing"
            )
        return ""

    def right(self) -> tuple[list[float], list[float]]:
        """1 is good and 0 is bad whatever the score's direction; an unusable answer is bad."""
        return self._right(self.baseline), self._right(self.candidate)

    def chance(self) -> float:
        """What guessing gets right: one in so many choices; 0 for a sample without any."""
        return sum(1 / len(s.choices) for s in self.samples if s.choices) / len(self.samples)

    def unusable(self) -> dict[str, dict[str, int]]:
        """Side to kind (truncated, empty, error) to count."""
        a, b = self.names
        return {a: self.baseline.unusable(), b: self.candidate.unusable()}

    def marks(self, alpha: float) -> list[str]:
        """What a reader must know beside the numbers: a difference in unusable answers."""
        before = [prediction.unusable is not None for prediction in self.baseline.predictions]
        after = [prediction.unusable is not None for prediction in self.candidate.predictions]
        only_before = sum(a and not b for a, b in zip(before, after, strict=True))
        only_after = sum(b and not a for a, b in zip(before, after, strict=True))
        p = min(mcnemar_midp(only_before, only_after), mcnemar_midp(only_after, only_before))
        if 2 * p > alpha:
            return []
        a, b = self.names
        return [f"unusable answers differ: {sum(before)} for {a}, {sum(after)} for {b}"]

    def flips(self) -> list[Flip]:
        """The samples that only one side answers right."""
        before, after = self.right()
        return [
            Flip(
                sample=sample,
                lost=before[i] > after[i],
                baseline_answer=self.baseline.predictions[i].answer,
                candidate_answer=self.candidate.predictions[i].answer,
            )
            for i, sample in enumerate(self.samples)
            if before[i] != after[i]
        ]

    def _right(self, evaluation: Evaluation) -> list[float]:
        lower = self.score.better == "lower"
        return [
            0.0 if prediction.unusable else 1 - value.value if lower else value.value
            for prediction, value in zip(evaluation.predictions, evaluation.values, strict=True)
            if value.value is not None
        ]
