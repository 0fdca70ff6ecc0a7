"""Both sides' answers to the samples of a claim, paired; gaps are named, never left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_vlm.evaluation.evaluation import Evaluation
from pytest_vlm.evaluation.predictions import Prediction
from pytest_vlm.evaluation.samples import Sample
from pytest_vlm.kinds import Kind
from pytest_vlm.logs.own import write_log
from pytest_vlm.report.evidence import Flip
from pytest_vlm.scores.pair_score import PairScore
from pytest_vlm.scores.score import Case, Score, ScoreValue
from pytest_vlm.stats.mcnemar import mcnemar_midp
from pytest_vlm.stats.slices import Slice, find_slices

if TYPE_CHECKING:
    from pytest_vlm.heatmap.heatmap import Heatmap

Maps = tuple[Sequence["Heatmap | None"], Sequence["Heatmap | None"]]
UNUSABLE_LIMIT = 0.05
MAPS_AT_ONCE = 64


@dataclass(frozen=True, kw_only=True)
class Pairs:
    """Position i of everything is sample i.

    Attributes:
        score: that judged both sides.
        names: of the baseline and the candidate.
        samples: those that carry what the score needs.
        degraded: for each sample how both were asked otherwise than wanted, since memory ran out;
            empty where they were not. Without any where nobody was asked.
    """

    score: Score
    names: tuple[str, str]
    samples: tuple[Sample, ...]
    baseline: Evaluation
    candidate: Evaluation
    degraded: tuple[str, ...] = ()

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
        both = zip(self.baseline.predictions, self.candidate.predictions, strict=True)
        apart = [one.sample_id for one, other in both if one.batch_plan != other.batch_plan]
        if apart:
            return (
                f"{len(apart)} of {len(self.samples)} samples, such as {apart[0]}, were answered "
                "by the two in different batches, which alone changes answers"
            )
        unusable = self.baseline.unusable()
        unusable.pop("refused", None)
        answers = sum(len(p.completions) for p in self.baseline.predictions)
        if sum(unusable.values()) > UNUSABLE_LIMIT * answers:
            kind, count = max(unusable.items(), key=lambda item: item[1])
            hint = "; allow longer answers (--vlm-max-new-tokens)" if kind == "truncated" else ""
            return (
                f"{count} of {answers} answers of the baseline {self.names[0]} are "
                f"{kind}, so agreeing with them proves nothing{hint}"
            )
        said = {c.answer for p in self.baseline.predictions for c in p.completions}
        asked = {sample.targets for sample in self.samples}
        if len(said) == 1 < len(asked) and "relevance" not in self.score.needs:
            return (
                f"the baseline {self.names[0]} answers {said.pop()!r} to everything, "
                "so agreeing with it proves nothing"
            )
        return ""

    @property
    def kind(self) -> Kind:
        """Of what is compared: the mean of several right-or-wrong answers is bounded."""
        sides = (self.baseline, self.candidate)
        several = any(len(p.completions) > 1 for side in sides for p in side.predictions)
        return "bounded" if several and self.score.kind == "binary" else self.score.kind

    def numbers(self) -> tuple[list[float], list[float]]:
        """Both sides' values, where no sample is without one."""
        return self.baseline.numbers(), self.candidate.numbers()

    def chance(self) -> float:
        """What guessing gets right: one in so many choices; 0 for a sample without any."""
        return sum(1 / len(s.choices) for s in self.samples if s.choices) / len(self.samples)

    def unusable(self) -> dict[str, dict[str, int]]:
        """Side to kind (truncated, empty, error) to count."""
        a, b = self.names
        return {a: self.baseline.unusable(), b: self.candidate.unusable()}

    def marks(self, alpha: float) -> list[str]:
        """What a reader must know beside the numbers: differences that the score may not show."""
        kinds = {
            "unusable answers": (self.baseline.is_unusable(), self.candidate.is_unusable()),
            "refusals": (self.baseline.refused, self.candidate.refused),
        }
        a, b = self.names
        return [
            f"{kind} differ: {sum(before)} for {a}, {sum(after)} for {b}"
            for kind, (before, after) in kinds.items()
            if _differ(before, after, alpha)
        ]

    def degradation(self) -> str:
        """How they were asked otherwise than wanted, in words; empty where they were not."""
        ways = Counter(way for way in self.degraded if way)
        if list(ways.values()) == [len(self.samples)]:
            return next(iter(ways))
        total = len(self.samples)
        return "; ".join(f"{count} of {total} pairs {way}" for way, count in ways.items())

    def judged_by(self, score: PairScore) -> Pairs:
        """With the values of a score that reads both answers at once."""
        before, after = self.baseline, self.candidate
        sides = score.together(self.samples, before.predictions, after.predictions)
        return replace(
            self,
            baseline=replace(before, values=tuple(one for one, _ in sides)),
            candidate=replace(after, values=tuple(other for _, other in sides)),
        )

    def beside_baseline(self, maps: Callable[[Sequence[Sample]], Maps]) -> Pairs:
        """With the values of a score that sees the baseline's map beside each side's own.

        Few maps are held at a time; the baseline's stands beside itself.
        """
        sides = self.baseline, self.candidate
        values: tuple[list[ScoreValue], ...] = [], []
        for start in range(0, len(self.samples), MAPS_AT_ONCE):
            part = slice(start, start + MAPS_AT_ONCE)
            samples = self.samples[part]
            found = maps(samples)
            for side, own, known in zip(sides, found, values, strict=True):
                cases = zip(samples, side.predictions[part], own, found[0], strict=True)
                known += self.score(
                    [Case(sample=s, prediction=p, heatmap=m, baseline=b) for s, p, m, b in cases]
                )
        before, after = (
            replace(side, values=tuple(known)) for side, known in zip(sides, values, strict=True)
        )
        return replace(self, baseline=before, candidate=after)

    def followed_by(self, others: Pairs) -> Pairs:
        """These samples and some more."""
        return replace(
            self,
            samples=(*self.samples, *others.samples),
            baseline=self.baseline.followed_by(others.baseline),
            candidate=self.candidate.followed_by(others.candidate),
            degraded=(*self.degraded, *others.degraded),
        )

    def first(self, count: int) -> Pairs:
        """The first so many samples."""
        return replace(
            self,
            samples=self.samples[:count],
            baseline=self.baseline.first(count),
            candidate=self.candidate.first(count),
            degraded=self.degraded[:count],
        )

    def slices(self) -> tuple[Slice, ...]:
        """Tags and clusters of samples, those that carry the losses first."""
        before, after = self.numbers()
        sign = 1 if self.score.better == "higher" else -1
        gains = [sign * (b - a) for a, b in zip(before, after, strict=True)]
        return find_slices(
            worse=[gain < 0 for gain in gains],
            improved=[gain > 0 for gain in gains],
            tags=[sample.tags for sample in self.samples],
            clusters=[sample.cluster for sample in self.samples],
        )

    def write_logs(self, folder: Path) -> None:
        """Each side's answers and values, as a log that can be compared again."""
        for name, side in zip(self.names, (self.baseline, self.candidate), strict=True):
            values = [value.value for value in side.values]
            path = folder / f"{name}.jsonl"
            write_log(path, self.samples, side.predictions, {self.score.name: values})

    def flips(self) -> list[Flip]:
        """The samples whose value differs; those with the largest difference first."""
        before, after = self.numbers()
        sign = 1 if self.score.better == "higher" else -1
        flips = [
            Flip(
                sample=sample,
                lost=sign * (after[i] - before[i]) < 0,
                baseline_answer=_answers(self.baseline.predictions[i]),
                candidate_answer=_answers(self.candidate.predictions[i]),
                baseline_value=before[i],
                candidate_value=after[i],
            )
            for i, sample in enumerate(self.samples)
            if before[i] != after[i]
        ]
        return sorted(flips, key=lambda flip: -abs(flip.candidate_value - flip.baseline_value))


def _differ(before: Sequence[bool], after: Sequence[bool], alpha: float) -> bool:
    """Whether one side has clearly more of something, by McNemar's test."""
    only_before = sum(a and not b for a, b in zip(before, after, strict=True))
    only_after = sum(b and not a for a, b in zip(before, after, strict=True))
    p = min(mcnemar_midp(only_before, only_after), mcnemar_midp(only_after, only_before))
    return 2 * p <= alpha


def _answers(prediction: Prediction) -> str:
    return " | ".join(completion.answer for completion in prediction.completions)
