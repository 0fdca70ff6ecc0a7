"""What a score is, and how to make one of a function."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from numbers import Real
from statistics import fmean, variance
from typing import Literal

from pytest_vlm.errors import SettingsError
from pytest_vlm.evaluation.predictions import Completion, Prediction
from pytest_vlm.evaluation.samples import Sample
from pytest_vlm.heatmap.heatmap import Heatmap
from pytest_vlm.kinds import Better, Kind
from pytest_vlm.scores.code_digest import code_digest
from pytest_vlm.scores.extraction import Extractor
from pytest_vlm.scores.libraries import require
from pytest_vlm.versions import installed_version

Need = Literal["targets", "regions", "relevance", "baseline", "measurement"]


class Unparsable(Exception):
    """A judging function raises it where the answer holds nothing that could be judged.

    The answer gets the worst value and is counted, as one that an extractor fails on.
    """


@dataclass(frozen=True, kw_only=True)
class Case:
    """Everything a score may look at for one sample and one checkpoint.

    Attributes:
        sample: what was asked.
        prediction: what was answered. A judging function sees one completion at a time.
        heatmap: of the first completion, where the score needs relevance.
        baseline: the baseline's map of the same sample, where the score needs the baseline; the
            baseline's own beside itself.
        extracted: what the score's extraction took out of the answer; None without extraction.
    """

    sample: Sample
    prediction: Prediction
    heatmap: Heatmap | None = None
    baseline: Heatmap | None = None
    extracted: str | None = None

    @property
    def completion(self) -> Completion:
        """The completion to judge."""
        return self.prediction.completions[0]

    @property
    def answer(self) -> str:
        """The text to judge: what was extracted, else the completion's whole answer."""
        return self.completion.answer if self.extracted is None else self.extracted


@dataclass(frozen=True, kw_only=True)
class ScoreValue:
    """One sample's number, or the reason why there is none.

    Attributes:
        value: the mean over the completions; None where the score could not judge.
        variance: of that mean, where there are several completions.
        reason: why the value is missing.
        unparsable: completions in which the score found nothing to judge.
    """

    value: float | None
    variance: float | None = None
    reason: str = ""
    unparsable: int = 0


@dataclass(frozen=True, kw_only=True)
class Score:
    """A named way to judge a prediction.

    Every completion is judged alone, and the values are averaged. A truncated or an empty answer
    has the worst value, also where the text that did come would have got a better one. A score that
    needs relevance judges the first completion, because there is a map of that one only.

    Attributes:
        name: as it stands in the report.
        version: raised whenever the numbers change.
        kind: ``binary`` | ``bounded`` | ``positive``; what one completion's value is. It decides
            the test and what a margin means.
        better: the direction of improvement; it travels with the score.
        bounds: smallest and largest possible value.
        needs: what a sample (``targets``, ``regions``) or a checkpoint (``relevance``) must have;
            ``baseline`` is its map beside each side's own; ``measurement`` is of whole batches,
            measured anew.
        judge: one case to a number within the bounds, or None where it cannot say.
        extraction: takes the final answer out of the whole text, one step after the other.
        reads_truncated: whether the beginning of an answer is enough to judge it.
        libraries: distributions of the extra ``scores`` that do the work.
    """

    name: str
    version: int = 1
    kind: Kind = "binary"
    better: Better = "higher"
    bounds: tuple[float, float] = (0.0, 1.0)
    needs: frozenset[Need] = frozenset({"targets"})
    judge: Callable[[Case], float | None]
    extraction: tuple[Extractor, ...] = ()
    reads_truncated: bool = False
    libraries: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        low, high = self.bounds
        if not low < high:
            raise SettingsError(f"{self.name}: the bounds {low:g} and {high:g} hold no value")
        if self.kind == "binary" and (low, high) != (0, 1):
            raise SettingsError(f"{self.name}: a binary score is 0 or 1, so its bounds are (0, 1)")
        if self.kind == "bounded" and not (math.isfinite(low) and math.isfinite(high)):
            raise SettingsError(f"{self.name}: a bounded score needs two finite bounds")
        if self.kind == "positive" and low < 0:
            raise SettingsError(f"{self.name}: a positive score's lower bound is at least 0")

    @cached_property
    def identity(self) -> str:
        """Digest of the settings and of the judging code; the same in every process.

        32 hexadecimal digits. It changes when the judging function, a function or a constant that
        it uses, its extraction or a library that does its work changes.
        """
        return code_digest(
            (
                (self.name, self.version, self.kind, self.better, self.bounds, self.needs),
                (self.judge, self.extraction, self.reads_truncated),
                [(library, installed_version(library)) for library in self.libraries],
            )
        )

    @property
    def worst(self) -> float:
        """The bound that no answer can be worse than; may be infinite."""
        return self.bounds[0] if self.better == "higher" else self.bounds[1]

    def extracting(self, *extraction: Extractor) -> Score:
        """The same score of the final answer alone, which is taken out of the whole text.

        >>> from pytest_vlm.scores import exact_match, last_number
        >>> exact_match.extracting(last_number).name
        'exact match (last number)'
        """
        steps = ", ".join(extractor.name for extractor in extraction)
        return replace(
            self, name=f"{self.name} ({steps})", extraction=(*self.extraction, *extraction)
        )

    def __call__(self, cases: Sequence[Case]) -> list[ScoreValue]:
        """Judge a batch of cases.

        Raises:
            SettingsError: a library that does the work is missing.
        """
        for library in self.libraries:
            require(library, self.name)
        return [average([self._judge(one) for one in self._single(case)]) for case in cases]

    def applies_to(self, sample: Sample) -> bool:
        """Whether the sample carries what this score needs of it; a map needs a picture."""
        carried = {
            "targets": sample.targets,
            "regions": sample.regions,
            "relevance": sample.frames,
        }
        return all(carried.get(need, True) for need in self.needs)

    def _single(self, case: Case) -> list[Case]:
        """One case for each completion."""
        completions = case.prediction.completions
        if len(completions) == 1:
            return [case]
        judged = completions[:1] if "relevance" in self.needs else completions
        return [
            replace(case, prediction=replace(case.prediction, completions=(completion,)))
            for completion in judged
        ]

    def _judge(self, case: Case) -> ScoreValue:
        unusable = case.completion.unusable
        if unusable == "error":
            reason = "; ".join(case.prediction.events) or "no answer"
            return ScoreValue(value=None, reason=reason)
        if unusable == "empty" or (unusable == "truncated" and not self._can_read(case)):
            return self._worst(f"the answer is {unusable}")
        try:
            return self._checked(self.judge(self._extract(case)))
        except Unparsable as error:
            return replace(self._worst(str(error) or "nothing to judge"), unparsable=1)
        except SettingsError:
            raise
        except (Exception, SystemExit) as error:
            reason = f"{self.name} raised {type(error).__name__}: {error}"
            return ScoreValue(value=None, reason=reason)

    def _can_read(self, case: Case) -> bool:
        return self.reads_truncated and bool(case.completion.answer)

    def _extract(self, case: Case) -> Case:
        for extractor in self.extraction:
            found = extractor(case.answer)
            if found is None:
                raise Unparsable(f"the answer holds no {extractor.name}")
            case = replace(case, extracted=found)
        return case

    def _worst(self, why: str) -> ScoreValue:
        if math.isfinite(self.worst):
            return ScoreValue(value=self.worst)
        return ScoreValue(value=None, reason=f"{why}, and {self.name} has no worst value")

    def _checked(self, value: object) -> ScoreValue:
        """Refuse what is no value of this score."""
        if value is None:
            return ScoreValue(value=None, reason=f"{self.name} could not judge it")
        number = value.item() if hasattr(value, "item") else value  # a scalar of numpy or torch
        if not isinstance(number, Real):
            kind = type(value).__name__
            return ScoreValue(value=None, reason=f"{self.name} returned {kind}, which is no number")
        number = float(number)
        low, high = self.bounds
        if not math.isfinite(number):
            problem = "which is no finite number"
        elif not low <= number <= high:
            problem = f"which is outside its bounds {low:g} to {high:g}"
        elif self.kind == "binary" and number not in (0, 1):
            problem = "but a binary score is 0 or 1"
        else:
            return ScoreValue(value=number)
        return ScoreValue(value=None, reason=f"{self.name} returned {number:g}, {problem}")


def average(values: Sequence[ScoreValue]) -> ScoreValue:
    """The mean of one sample's completions; missing where one of them is missing.

    A mean over the others would be a mean over the easier ones.
    """
    if len(values) == 1:
        return values[0]
    unparsable = sum(value.unparsable for value in values)
    known = [value.value for value in values if value.value is not None]
    if len(known) < len(values):
        reason = next(value.reason for value in values if value.value is None)
        reason = f"{len(values) - len(known)} of {len(values)} completions: {reason}"
        return ScoreValue(value=None, reason=reason, unparsable=unparsable)
    return ScoreValue(
        value=fmean(known), variance=variance(known) / len(known), unparsable=unparsable
    )


def score(
    *,
    name: str,
    version: int = 1,
    kind: Kind = "binary",
    better: Better = "higher",
    bounds: tuple[float, float] = (0.0, 1.0),
    needs: Sequence[Need] = ("targets",),
    reads_truncated: bool = False,
    libraries: Sequence[str] = (),
) -> Callable[[Callable[[Case], float | None]], Score]:
    """Make a score of a function that judges one case; it returns None where it cannot.

    What it raises, and what is no value of the score, becomes the reason of a missing value. The
    arguments are the attributes of `Score`.

    Raises:
        SettingsError: bounds that this kind of score cannot have.

    >>> @score(name="starts with a capital", needs=())
    ... def capital(case):
    ...     return case.answer[:1].isupper()
    >>> capital.kind
    'binary'
    """

    def make(judge: Callable[[Case], float | None]) -> Score:
        return Score(
            name=name,
            version=version,
            kind=kind,
            better=better,
            bounds=bounds,
            needs=frozenset(needs),
            judge=judge,
            reads_truncated=reads_truncated,
            libraries=tuple(libraries),
        )

    return make
