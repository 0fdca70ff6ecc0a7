"""``compare(samples, score=...)``: lazy until a claim says how much is needed."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_vlm.errors import ClaimNotShown, SamplesError, SettingsError
from pytest_vlm.evaluation.run import Evaluation
from pytest_vlm.evaluation.samples import Sample
from pytest_vlm.report.evidence import EvidenceFolder, Flip
from pytest_vlm.report.model import ClaimRecord, Record
from pytest_vlm.scores.score import Score
from pytest_vlm.settings import Settings
from pytest_vlm.stats.compare import compare
from pytest_vlm.stats.mcnemar import mcnemar_midp
from pytest_vlm.stats.planning import n_least
from pytest_vlm.stats.result import Claim, ComparisonResult

if TYPE_CHECKING:
    from pytest_vlm.heatmap.heatmap import Heatmap

UNUSABLE_LIMIT = 0.05
Maps = tuple[Sequence["Heatmap | None"], Sequence["Heatmap | None"]]


@dataclass(frozen=True, kw_only=True)
class Side:
    """One side of a comparison: its name, and how to evaluate it."""

    name: str
    evaluate: Callable[[Sequence[Sample]], Evaluation]


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Candidate against baseline on the samples that the score applies to.

    Every ``assert_*`` evaluates, records the claim for the report, and returns the result or raises
    `ClaimNotShown`. With ``--vlm-inconclusive=warn`` an inconclusive claim only warns.
    """

    id: str
    test: str
    baseline: Side
    candidate: Side
    samples: Sequence[Sample]
    score: Score
    settings: Settings
    maps: Callable[[Sequence[Sample]], Maps]
    evidence: EvidenceFolder
    record: Callable[[Record], None]

    def assert_not_worse(self, *, margin: float) -> ComparisonResult:
        """Claim that the candidate loses less than `margin` (0.05 is five percentage points)."""
        __tracebackhide__ = True
        return self._claim("not_worse", margin=margin)

    def assert_better(self, *, margin: float = 0.0) -> ComparisonResult:
        """Claim that the candidate gains more than `margin`."""
        __tracebackhide__ = True
        return self._claim("better", margin=margin)

    def assert_equivalent(self, *, margin: float) -> ComparisonResult:
        """Claim that the two differ by less than `margin`."""
        __tracebackhide__ = True
        return self._claim("equivalent", margin=margin)

    def assert_no_regression(self, *, mde: float) -> ComparisonResult:
        """Claim that no loss is seen, though one of `mde` would have been (with power 0.8)."""
        __tracebackhide__ = True
        return self._claim("no_regression", mde=mde)

    def report(self) -> ComparisonResult:
        """Record the numbers without a claim; nothing can fail."""
        samples, a, b = self._evaluate()
        if self._unjudged(samples, a, b):
            raise SamplesError(f"{self.score.name}: {self._unjudged(samples, a, b)}")
        result = self._compare("better", samples, a, b)
        low, high = result.ci
        sentence = (
            f"From {result.baseline_rate:.1%} to {result.candidate_rate:.1%} "
            f"({100 * low:+.1f} to {100 * high:+.1f} points)."
        )
        self._record("reported", "", sentence, result, samples, a, b)
        return result

    def _claim(self, claim: Claim, **bound: float) -> ComparisonResult:
        __tracebackhide__ = True
        result, sentence = self._decide(claim, bound)
        if result is not None and result.verdict == "pass":
            return result
        verdict = "inconclusive" if result is None else result.verdict
        message = (
            f"{self.score.name}, {self.candidate.name} against {self.baseline.name}: {sentence}"
        )
        if (
            result is not None
            and verdict == "inconclusive"
            and self.settings.inconclusive == "warn"
        ):
            warnings.warn(f"inconclusive: {message}", stacklevel=3)
            return result
        raise ClaimNotShown(message, verdict=verdict)

    def _decide(self, claim: Claim, bound: dict[str, float]) -> tuple[ComparisonResult | None, str]:
        samples = self._applicable()
        least = self._least(bound)
        if len(samples) < least:
            sentence = (
                f"Not shown: {len(samples)} samples can never show a margin of "
                f"{bound['margin']:.0%}, at least {least} are needed. No model was loaded."
            )
            self._record("inconclusive", claim, sentence)
            return None, sentence
        samples, a, b = self._evaluate()
        unjudged = self._unjudged(samples, a, b)
        if unjudged:
            sentence = f"Not shown: {unjudged}."
            self._record("inconclusive", claim, sentence, None, samples, a, b)
            return None, sentence
        result = self._compare(claim, samples, a, b, **bound)
        self._record(result.verdict, claim, str(result), result, samples, a, b)
        return result, str(result)

    def _applicable(self) -> list[Sample]:
        if self.score.kind != "binary":
            raise SettingsError(
                f"{self.score.name} is a {self.score.kind} score; claims are about binary scores"
            )
        samples = [sample for sample in self.samples if self.score.applies_to(sample)]
        if not samples:
            needs = " and ".join(sorted(self.score.needs & {"targets", "regions"}))
            raise SamplesError(
                f"none of {len(self.samples)} samples carries {needs or 'anything'}, "
                f"which {self.score.name} needs"
            )
        return samples

    def _least(self, bound: dict[str, float]) -> int:
        margin = bound.get("margin", 0.0)
        return n_least(margin=margin, alpha=self.settings.alpha) if 0 < margin < 1 else 1

    def _evaluate(self) -> tuple[list[Sample], Evaluation, Evaluation]:
        samples = self._applicable()
        return samples, self.baseline.evaluate(samples), self.candidate.evaluate(samples)

    def _unjudged(self, samples: Sequence[Sample], a: Evaluation, b: Evaluation) -> str:
        """Why the pairs cannot be judged, or nothing: a gap is never made a smaller sample."""
        for side, evaluation in ((self.baseline, a), (self.candidate, b)):
            gaps = [
                (sample.id, value.reason)
                for sample, value in zip(samples, evaluation.values, strict=True)
                if value.value is None
            ]
            if gaps:
                return (
                    f"{len(gaps)} of {len(samples)} samples have no value for {side.name}, "
                    f"such as {gaps[0][0]} ({gaps[0][1]})"
                )
        unusable = a.unusable()
        if sum(unusable.values()) > UNUSABLE_LIMIT * len(samples):
            kind, count = max(unusable.items(), key=lambda item: item[1])
            hint = "; raise --vlm-max-new-tokens" if kind == "truncated" else ""
            return (
                f"{count} of {len(samples)} answers of the baseline {self.baseline.name} are "
                f"{kind}, so agreeing with them proves nothing{hint}"
            )
        return ""

    def _compare(
        self,
        claim: Claim,
        samples: Sequence[Sample],
        a: Evaluation,
        b: Evaluation,
        **bound: float,
    ) -> ComparisonResult:
        known = [1 / len(sample.choices) for sample in samples if sample.choices]
        return compare(
            baseline=self._values(a),
            candidate=self._values(b),
            claim=claim,
            alpha=self.settings.alpha,
            clusters=[sample.cluster for sample in samples],
            floor=sum(known) / len(known) if len(known) == len(samples) else 0.0,
            **bound,
        )

    def _values(self, evaluation: Evaluation) -> list[float]:
        """1 is good and 0 is bad, whatever the score's direction; an unusable answer is bad."""
        lower = self.score.better == "lower"
        return [
            0.0 if prediction.unusable else 1 - value.value if lower else value.value
            for prediction, value in zip(evaluation.predictions, evaluation.values, strict=True)
            if value.value is not None
        ]

    def _record(
        self,
        verdict: str,
        claim: str,
        sentence: str,
        result: ComparisonResult | None = None,
        samples: Sequence[Sample] = (),
        a: Evaluation | None = None,
        b: Evaluation | None = None,
    ) -> None:
        unusable, marks, evidence = {}, [], ""
        if a is not None and b is not None:
            unusable = {self.baseline.name: a.unusable(), self.candidate.name: b.unusable()}
            marks = self._marks(a, b)
        if a is not None and b is not None and result is not None:
            evidence = self._flips(samples, a, b)
            marks = [*result.warnings, *marks]
        self.record(
            ClaimRecord(
                id=self.id,
                test=self.test,
                candidate=self.candidate.name,
                baseline=self.baseline.name,
                score=self.score.name,
                claim=claim,
                verdict=verdict,
                sentence=sentence,
                result=result.to_json() if result is not None else {},
                unusable=unusable,
                warnings=tuple(marks),
                evidence=evidence,
            )
        )

    def _marks(self, a: Evaluation, b: Evaluation) -> list[str]:
        only_a = sum(
            bool(p.unusable) > bool(q.unusable)
            for p, q in zip(a.predictions, b.predictions, strict=True)
        )
        only_b = sum(
            bool(q.unusable) > bool(p.unusable)
            for p, q in zip(a.predictions, b.predictions, strict=True)
        )
        if (
            2 * min(mcnemar_midp(only_a, only_b), mcnemar_midp(only_b, only_a))
            > self.settings.alpha
        ):
            return []
        count_a, count_b = sum(a.unusable().values()), sum(b.unusable().values())
        return [
            f"unusable answers differ: {count_a} for {self.baseline.name}, "
            f"{count_b} for {self.candidate.name}"
        ]

    def _flips(self, samples: Sequence[Sample], a: Evaluation, b: Evaluation) -> str:
        before, after = self._values(a), self._values(b)
        flips = [
            Flip(
                sample=sample,
                lost=before[i] > after[i],
                baseline_answer=a.predictions[i].answer,
                candidate_answer=b.predictions[i].answer,
            )
            for i, sample in enumerate(samples)
            if before[i] != after[i]
        ]
        return self.evidence.write_flips(self.id, flips, self.maps) if flips else ""
