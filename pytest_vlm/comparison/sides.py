"""Both sides of a comparison, asked all at once or look by look."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, islice
from typing import TYPE_CHECKING

from pytest_vlm.comparison.pairs import Pairs
from pytest_vlm.errors import SettingsError
from pytest_vlm.evaluation.evaluation import Evaluation
from pytest_vlm.evaluation.predictions import Prediction
from pytest_vlm.evaluation.samples import Sample
from pytest_vlm.evaluation.speed import MeasuredPairs
from pytest_vlm.scores.pair_score import PairScore
from pytest_vlm.scores.score import Case, Score

if TYPE_CHECKING:
    from pytest_vlm.heatmap.heatmap import Heatmap

Maps = tuple[Sequence["Heatmap | None"], Sequence["Heatmap | None"]]
Looks = Callable[[Sequence[Sample]], Iterator[Sequence[Sample]]]


def all_at_once(samples: Sequence[Sample]) -> Iterator[Sequence[Sample]]:
    """One look."""
    yield samples


def not_measured(samples: Sequence[Sample]) -> MeasuredPairs:
    """Logs have no time and no memory.

    Raises:
        SettingsError: always.
    """
    raise SettingsError("time and memory are measured by asking a checkpoint; there is none here")


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


@dataclass(frozen=True)
class Followed:
    """What was answered so far.

    Attributes:
        pairs: in the order in which they came.
        ends: how many samples there were at the end of each look that was asked last.
    """

    pairs: Pairs
    ends: tuple[int, ...]

    def looks(self) -> Iterator[Pairs]:
        """What was answered by the end of each of them."""
        return (self.pairs.first(end) for end in self.ends)


@dataclass(frozen=True, kw_only=True)
class Sides:
    """A baseline and a candidate that answer the same samples.

    Attributes:
        maps: of both sides, where they have any.
        measure: both sides' time and memory, for scores that need them.
        looks: cuts samples into what is asked before the next look at the evidence.
        loads: how many checkpoints were loaded so far.
        degraded: how they are asked otherwise than wanted, since memory ran out; empty where they
            are not.
    """

    baseline: Side
    candidate: Side
    maps: Callable[[Sequence[Sample]], Maps]
    measure: Callable[[Sequence[Sample]], MeasuredPairs] = not_measured
    looks: Looks = all_at_once
    loads: Callable[[], int] = lambda: 0
    degraded: Callable[[], str] = lambda: ""

    @property
    def names(self) -> tuple[str, str]:
        """Of the baseline and the candidate."""
        return self.baseline.name, self.candidate.name

    def answer(
        self, samples: Sequence[Sample], score: Score, *, candidate_first: bool = False
    ) -> Pairs:
        """All samples at once, both sides on one rung of the memory ladder.

        Where one side runs out of memory, the other one is asked again as this one could be asked.

        Raises:
            CannotFollow: one side cannot be asked as the other one must be.
            OutOfMemory: a side cannot be asked in any way.
        """
        if "measurement" in score.needs:
            return self._measured(self.measure(samples), score)
        sides = (
            (self.candidate, self.baseline) if candidate_first else (self.baseline, self.candidate)
        )
        found: dict[str, Evaluation] = {}
        degraded = None
        while degraded != self.degraded():  # each time a rung further down
            degraded = self.degraded()
            found = {side.name: side.evaluate(samples) for side in sides}
        pairs = Pairs(
            score=score,
            names=self.names,
            samples=tuple(samples),
            baseline=found[self.baseline.name],
            candidate=found[self.candidate.name],
            degraded=(degraded or "",) * len(samples),
        )
        if isinstance(score, PairScore):
            return pairs.judged_by(score)
        return pairs.beside_baseline(self.maps) if "baseline" in score.needs else pairs

    def follow(self, samples: Sequence[Sample], score: Score) -> Iterator[Followed]:
        """All that was answered so far, again and again, until it is all samples.

        Where only one checkpoint fits, asking costs a load, though it begins with the side that is
        loaded; so it asks as many looks as were asked before. Where both fit, or one side's answers
        are known, it asks one.

        Where memory runs out, the looks to come are asked in smaller batches, and those that were
        judged stay as they are. Asked again, they would give the claim a second chance, and the
        bound on false alarms holds for one: each pair is a bet on answers that nobody has seen.
        """
        looks, seen, looked = self.looks(samples), None, 0
        wanted, candidate_first = 1, False
        while block := list(islice(looks, wanted)):
            before = self.loads()
            asked = [sample for look in block for sample in look]
            pairs = self.answer(asked, score, candidate_first=candidate_first)
            start = 0 if seen is None else len(seen.samples)
            seen = pairs if seen is None else seen.followed_by(pairs)
            yield Followed(seen, tuple(start + end for end in accumulate(map(len, block))))
            candidate_first = not candidate_first
            looked += len(block)
            wanted = looked if self.loads() > before else 1

    def _measured(self, measured: MeasuredPairs, score: Score) -> Pairs:
        """Every batch is a sample of its own here, in the cluster of its block."""

        def judge(predictions: Sequence[Prediction]) -> Evaluation:
            cases = zip(measured.samples, predictions, strict=True)
            values = score([Case(sample=s, prediction=p) for s, p in cases])
            return Evaluation(predictions=tuple(predictions), values=tuple(values))

        return Pairs(
            score=score,
            names=self.names,
            samples=measured.samples,
            baseline=judge(measured.baseline),
            candidate=judge(measured.candidate),
        )
