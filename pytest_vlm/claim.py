"""``compare(samples, score=...)``: lazy until a claim says how much is needed."""

from __future__ import annotations

import math
import re
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_vlm.errors import ClaimNotShown, SamplesError, SettingsError
from pytest_vlm.evaluation.evaluation import Evaluation
from pytest_vlm.evaluation.lasting import lasting_values
from pytest_vlm.evaluation.predictions import Prediction
from pytest_vlm.evaluation.samples import Sample
from pytest_vlm.evaluation.speed import MeasuredPairs
from pytest_vlm.pairing import Pairs
from pytest_vlm.report.evidence import EvidenceFolder
from pytest_vlm.report.model import ClaimRecord, Record
from pytest_vlm.scores.libraries import require
from pytest_vlm.scores.score import Case, Score
from pytest_vlm.settings import Settings
from pytest_vlm.stats.clusters import least_deff
from pytest_vlm.stats.compare import check_bound, compare
from pytest_vlm.stats.planning import n_least
from pytest_vlm.stats.result import Claim, ComparisonResult
from pytest_vlm.stats.sentence import numbers

if TYPE_CHECKING:
    from pytest_vlm.heatmap.heatmap import Heatmap

NAMED = 5
NO_FILE_NAME = re.compile(r"[^\w.]+")


def not_measured(samples: Sequence[Sample]) -> MeasuredPairs:
    """Logs have no time and no memory.

    Raises:
        SettingsError: always.
    """
    raise SettingsError("time and memory are measured by asking a checkpoint; there is none here")


Maps = tuple[Sequence["Heatmap | None"], Sequence["Heatmap | None"]]


@dataclass(frozen=True, kw_only=True)
class Side:
    """One side of a comparison.

    Attributes:
        name: of the checkpoint.
        evaluate: answers and values of samples.
        changed_by_batching: ids of some of the samples that answer otherwise when asked alone.
    """

    name: str
    evaluate: Callable[[Sequence[Sample]], Evaluation]
    changed_by_batching: Callable[[Sequence[Sample]], list[str]] = lambda samples: []


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Candidate against baseline on the samples that the score applies to.

    Every ``assert_*`` evaluates, records the claim for the report, and returns the result or raises
    `ClaimNotShown`. With ``--vlm-inconclusive=warn`` a claim that was judged and is not shown only
    warns; data that nothing can be shown with still raises.
    """

    new_id: Callable[[], str]
    test: str
    baseline: Side
    candidate: Side
    samples: Sequence[Sample]
    score: Score
    settings: Settings
    maps: Callable[[Sequence[Sample]], Maps]
    evidence: EvidenceFolder
    record: Callable[[Record], None]
    measure: Callable[[Sequence[Sample]], MeasuredPairs] = not_measured

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
        """Record the numbers without a claim; nothing can fail.

        Raises:
            SamplesError: a sample has no value on one side.
        """
        pairs = self._evaluate(self._applicable())
        if pairs.problem():
            raise SamplesError(f"{self.score.name}: {pairs.problem()}")
        result = self._compare("better", pairs)
        sentence = numbers(result)
        self._record("reported", "", sentence, pairs, result)
        return result

    def _claim(self, claim: Claim, **bound: float) -> ComparisonResult:
        __tracebackhide__ = True
        result, sentence = self._decide(claim, bound)
        if result is not None and result.verdict == "pass":
            return result
        verdict = "inconclusive" if result is None else result.verdict
        sides = f"{self.candidate.name} against {self.baseline.name}"
        message = f"{self.score.name}, {sides}: {sentence}"
        warn = self.settings.inconclusive == "warn"
        if warn and result is not None and verdict == "inconclusive" and not result.reason:
            warnings.warn(f"inconclusive: {message}", stacklevel=3)
            return result
        raise ClaimNotShown(message, verdict=verdict)

    def _decide(self, claim: Claim, bound: dict[str, float]) -> tuple[ComparisonResult | None, str]:
        check_bound(claim, **bound, largest=self._largest_margin)
        samples = self._applicable()
        too_few = "" if claim == "better" else self._too_few(samples, bound)
        if too_few:
            sentence = f"Not shown: {too_few}. Nothing was asked."
            self._record("inconclusive", claim, sentence)
            return None, sentence
        pairs = self._evaluate(samples)
        if pairs.problem():
            sentence = f"Not shown: {pairs.problem()}."
            self._record("inconclusive", claim, sentence, pairs)
            return None, sentence
        result = self._compare(claim, pairs, **bound)
        self._record(result.verdict, claim, str(result), pairs, result)
        return result, str(result)

    def _applicable(self) -> list[Sample]:
        for library in self.score.libraries:
            require(library, self.score.name)
        with lasting_values():
            samples = [sample for sample in self.samples if self.score.applies_to(sample)]
        if not samples:
            raise SamplesError(
                f"none of {len(self.samples)} samples carries {self._needs()}, "
                f"which {self.score.name} needs"
            )
        return samples

    def _needs(self) -> str:
        return " and ".join(sorted(self.score.needs & {"targets", "regions"})) or "anything"

    def _too_few(self, samples: Sequence[Sample], bound: dict[str, float]) -> str:
        """Why so many samples could never show the margin, even if not one answer differed."""
        margin = bound.get("margin", 0.0)
        if margin == 0 or self.score.kind == "positive":
            return ""
        share = margin / self._largest_margin
        least = n_least(margin=share, alpha=self.settings.alpha)
        sizes = Counter(sample.cluster for sample in samples).values()
        independent = len(samples) / least_deff(sizes)
        if independent >= least:
            return ""
        images = f" about {len(sizes)} images" if len(sizes) < len(samples) else ""
        size = f"{100 * margin:g} points" if self.score.kind == "binary" else f"{margin:g}"
        return (
            f"{len(samples)} samples{images} could not show a margin of {size} "
            f"if not one answer differed; at least {least} independent ones are needed"
        )

    @property
    def _largest_margin(self) -> float:
        """No margin is as large as all that a score can lose."""
        low, high = self.score.bounds
        return math.inf if self.score.kind == "positive" else high - low

    def _evaluate(self, samples: Sequence[Sample]) -> Pairs:
        if "measurement" in self.score.needs:
            return self._measured(self.measure(samples))
        return Pairs(
            score=self.score,
            names=(self.baseline.name, self.candidate.name),
            samples=tuple(samples),
            baseline=self.baseline.evaluate(samples),
            candidate=self.candidate.evaluate(samples),
        )

    def _measured(self, measured: MeasuredPairs) -> Pairs:
        """Every batch is a sample of its own here, in the cluster of its block."""

        def judge(predictions: Sequence[Prediction]) -> Evaluation:
            cases = zip(measured.samples, predictions, strict=True)
            values = self.score([Case(sample=s, prediction=p) for s, p in cases])
            return Evaluation(predictions=tuple(predictions), values=tuple(values))

        return Pairs(
            score=self.score,
            names=(self.baseline.name, self.candidate.name),
            samples=measured.samples,
            baseline=judge(measured.baseline),
            candidate=judge(measured.candidate),
        )

    def _compare(self, claim: Claim, pairs: Pairs, **bound: float) -> ComparisonResult:
        baseline, candidate = pairs.numbers()
        share = max(bound.values(), default=0.0) / self._largest_margin
        return compare(
            baseline=baseline,
            candidate=candidate,
            claim=claim,
            kind=pairs.kind,
            better=self.score.better,
            bounds=self.score.bounds,
            margin=bound.get("margin"),
            mde=bound.get("mde"),
            alpha=self.settings.alpha,
            clusters=[sample.cluster for sample in pairs.samples],
            floor=pairs.chance() + (0.0 if claim == "better" else share),
        )

    def _record(
        self,
        verdict: str,
        claim: str,
        sentence: str,
        pairs: Pairs | None = None,
        result: ComparisonResult | None = None,
    ) -> None:
        id = self.new_id()
        if pairs is not None and self.settings.log is not None:
            pairs.write_logs(self.settings.log / NO_FILE_NAME.sub("-", id.rpartition("::")[2]))
        shown = pairs is not None and result is not None and "measurement" not in self.score.needs
        flips = pairs.flips() if pairs is not None and shown else []
        self.record(
            ClaimRecord(
                id=id,
                test=self.test,
                candidate=self.candidate.name,
                baseline=self.baseline.name,
                score=self.score.name,
                claim=claim,
                verdict=verdict,
                sentence=sentence,
                result=result.to_json() if result is not None else {},
                unusable=pairs.unusable() if pairs is not None else {},
                warnings=tuple(self._warnings(pairs, result)),
                evidence=self.evidence.write_flips(id, flips, self.maps) if flips else "",
            )
        )

    def _warnings(self, pairs: Pairs | None, result: ComparisonResult | None) -> Iterator[str]:
        if result is not None:
            yield from result.warnings
        if pairs is not None:
            yield from pairs.marks(self.settings.alpha)
            if "measurement" in self.score.needs:
                return
            yield from self._batching_noise(pairs.samples)
            left_out = len(self.samples) - len(pairs.samples)
            if left_out:
                yield f"{left_out} of {len(self.samples)} samples carry no {self._needs()}"

    def _batching_noise(self, samples: Sequence[Sample]) -> Iterator[str]:
        """What batching alone changes, which is no difference between the checkpoints."""
        asked = min(self.settings.check_batching, len(samples))
        for side in (self.baseline, self.candidate) if asked else ():
            changed = side.changed_by_batching(samples)
            named = f": {', '.join(changed[:NAMED])}" if changed else ""
            more = ", ..." if len(changed) > NAMED else ""
            yield (
                f"batching alone changes {len(changed)} of {asked} answers of {side.name}"
                f"{named}{more}"
            )
