"""``compare(samples, score=...)``: lazy until a claim says how much is needed."""

from __future__ import annotations

import math
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pytest_vlm.comparison.pairs import Pairs
from pytest_vlm.comparison.sides import Sides
from pytest_vlm.comparison.writer import ClaimWriter
from pytest_vlm.errors import ClaimNotShown, SamplesError
from pytest_vlm.evaluation.lasting import lasting_values
from pytest_vlm.evaluation.samples import Sample
from pytest_vlm.memory.ladder import CannotFollow
from pytest_vlm.report.model import ANCHORED
from pytest_vlm.scores.libraries import require
from pytest_vlm.scores.score import Score
from pytest_vlm.settings import Settings
from pytest_vlm.stats.clusters import least_deff
from pytest_vlm.stats.compare import compare
from pytest_vlm.stats.margins import check_bound
from pytest_vlm.stats.planning import POWER, n_least, n_least_anytime
from pytest_vlm.stats.power import pass_probability
from pytest_vlm.stats.result import Claim, ComparisonResult
from pytest_vlm.stats.sentence import numbers
from pytest_vlm.stats.sequential import Stream

USUAL_DISCORDANCE = 0.1
NO_CEILING = 2.0


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Candidate against baseline on the samples that the score applies to.

    Every ``assert_*`` evaluates, records the claim for the report, and returns the result or raises
    `ClaimNotShown`. With ``--vlm-inconclusive=warn`` a claim that was judged and is not shown only
    warns; data that nothing can be shown with still raises.

    Attributes:
        sides: who is compared.
        samples: those that the score does not apply to are left out, and counted.
        family: claims of the run, this one among them; any regression stops a checkpoint.
        anchor: the candidate against a checkpoint of long ago, so that small losses do not add up.
    """

    sides: Sides
    samples: Sequence[Sample]
    score: Score
    settings: Settings
    writer: ClaimWriter
    family: Callable[[], int] = lambda: 1
    anchor: Comparison | None = None

    def assert_not_worse(self, *, margin: float) -> ComparisonResult:
        """Claim that the candidate loses less than `margin` (0.05 is five percentage points).

        With ``--vlm-anchor`` it, and what claims equivalence, is claimed against the anchor too;
        the first claim that is not shown raises, after both were recorded.
        """
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
        samples = self._applicable()
        pairs = self.sides.answer(samples, self.score)
        if pairs.problem():
            raise SamplesError(f"{self.score.name}: {pairs.problem()}")
        result = self._compare("better", pairs, {})
        left_out = self._left_out(samples)
        self.writer.write("reported", "", numbers(result), pairs, result, left_out)
        return result

    def _claim(self, claim: Claim, **bound: float) -> ComparisonResult:
        __tracebackhide__ = True
        own = self._decide(claim, bound)
        decided = [(self, own)]
        if self.anchor is not None and claim in ANCHORED:
            margin = min(bound["margin"] * self.settings.anchor_margins, self._widest)
            decided.append((self.anchor, self.anchor._decide("not_worse", {"margin": margin})))
        results = []
        for comparison, found in decided:
            results.append(comparison._settle(*found))
        return results[0]

    def _settle(self, result: ComparisonResult | None, sentence: str) -> ComparisonResult:
        __tracebackhide__ = True
        if result is not None and result.verdict == "pass":
            return result
        verdict = "inconclusive" if result is None else result.verdict
        baseline, candidate = self.sides.names
        message = f"{self.score.name}, {candidate} against {baseline}: {sentence}"
        warn = self.settings.inconclusive == "warn"
        if warn and result is not None and verdict == "inconclusive" and not result.reason:
            warnings.warn(f"inconclusive: {message}", stacklevel=4)
            return result
        raise ClaimNotShown(message, verdict=verdict)

    def _decide(self, claim: Claim, bound: dict[str, float]) -> tuple[ComparisonResult | None, str]:
        check_bound(claim, **bound, largest=self._largest_margin)
        samples = self._applicable()
        too_few = "" if claim == "better" else self._too_few(samples, bound)
        if too_few:
            sentence = f"Not shown: {too_few}. Nothing was asked."
            self.writer.write("inconclusive", claim, sentence)
            return None, sentence
        doubts = self._doubts(samples, claim, bound)
        try:
            pairs, result = self._judge(samples, claim, bound)
        except CannotFollow as error:
            sentence = f"Not shown: the two cannot be asked alike. {error}"
            self.writer.write("inconclusive", claim, sentence, doubts=doubts)
            return None, sentence
        if degraded := pairs.degradation():
            warnings.warn(f"{self.score.name}: {degraded}", stacklevel=4)
        sentence = str(result) if result is not None else f"Not shown: {pairs.problem()}."
        verdict = "inconclusive" if result is None else result.verdict
        self.writer.write(
            verdict, claim, sentence, pairs, result, (*doubts, *self._left_out(samples))
        )
        return result, sentence

    def _judge(
        self, samples: Sequence[Sample], claim: Claim, bound: dict[str, float]
    ) -> tuple[Pairs, ComparisonResult | None]:
        """The answers that were needed, and what they show; nothing where they have a problem.

        More may have been asked than the look that decides: it alone counts, so that neither the
        verdict nor the numbers depend on how much was asked at once.
        """
        if not self._followed:
            pairs = self.sides.answer(samples, self.score)
            return pairs, self._shown_by(pairs, claim, bound)
        stream = Stream.of(list(Counter(sample.cluster for sample in samples).values()))
        for followed in self.sides.follow(samples, self.score):
            *before, pairs = followed.looks()
            result = self._shown_by(pairs, claim, bound, stream)
            if result is not None and result.verdict == "inconclusive" and not result.reason:
                continue  # nor was any look before: evidence does not shrink
            for look in before:
                earlier = self._shown_by(look, claim, bound, stream)
                if earlier is not None and earlier.verdict != "inconclusive":
                    return look, earlier
            if result is not None and result.verdict != "inconclusive":
                return pairs, result
        return pairs, result

    def _shown_by(
        self, pairs: Pairs, claim: Claim, bound: dict[str, float], stream: Stream | None = None
    ) -> ComparisonResult | None:
        return None if pairs.problem() else self._compare(claim, pairs, bound, stream)

    @property
    def _followed(self) -> bool:
        """Whether it stops as soon as it is decided.

        Ratios have no bounds to bet within, and a measurement is made of all samples at once.
        """
        unfollowed = self.score.kind == "positive" or "measurement" in self.score.needs
        return self.settings.sequential is not None and not unfollowed

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
        needed: list[str] = sorted(self.score.needs & {"targets", "regions"})
        if "relevance" in self.score.needs and "regions" not in needed:  # they lie in pictures
            needed.append("pictures")
        return " and ".join(needed) or "anything"

    def _too_few(self, samples: Sequence[Sample], bound: dict[str, float]) -> str:
        """Why so many samples could never show the margin, even if not one answer differed."""
        margin = bound.get("margin", 0.0)
        if margin == 0 or self.score.kind == "positive":
            return ""
        share = margin / self._largest_margin
        needed = n_least_anytime if self._followed else n_least
        least = needed(margin=share, alpha=self.settings.alpha)
        sizes = Counter(sample.cluster for sample in samples).values()
        independent = len(samples) / least_deff(sizes)
        if independent >= least or (self._followed and self.settings.target == "dataset"):
            return ""
        images = f" about {len(sizes)} image{'s' * (len(sizes) != 1)}"
        images *= len(sizes) < len(samples)
        size = f"{100 * margin:g} points" if self.score.kind == "binary" else f"{margin:g}"
        return (
            f"{len(samples)} samples{images} could not show a margin of {size} "
            f"if not one answer differed; at least {least} independent ones are needed"
        )

    def _doubts(
        self, samples: Sequence[Sample], claim: Claim, bound: dict[str, float]
    ) -> tuple[str, ...]:
        """Said before anything is asked: that the samples are probably too few."""
        planned = claim in ("not_worse", "equivalent") and not self._followed
        if self.score.kind != "binary" or not planned:
            return ()
        sizes = Counter(sample.cluster for sample in samples).values()
        power = pass_probability(
            n=len(samples),
            margin=bound["margin"],
            discordant=USUAL_DISCORDANCE,
            claim=claim,
            alpha=self.settings.alpha,
            deff=least_deff(sizes),
        )
        if power >= POWER:
            return ()
        doubt = (
            f"{self.score.name}: if one answer in ten changes, {len(samples)} samples let an "
            f"equally good candidate pass in {100 * power:.0f} % of the runs; "
            "python -m pytest_vlm plan says how many it takes"
        )
        warnings.warn(doubt, stacklevel=5)
        return (doubt,)

    def _left_out(self, samples: Sequence[Sample]) -> tuple[str, ...]:
        left_out = len(self.samples) - len(samples)
        if not left_out:
            return ()
        return (f"{left_out} of {len(self.samples)} samples carry no {self._needs()}",)

    @property
    def _largest_margin(self) -> float:
        """No margin is as large as all that a score can lose."""
        low, high = self.score.bounds
        return math.inf if self.score.kind == "positive" else high - low

    @property
    def _widest(self) -> float:
        return math.nextafter(self._largest_margin, 0)

    def _compare(
        self, claim: Claim, pairs: Pairs, bound: dict[str, float], stream: Stream | None = None
    ) -> ComparisonResult:
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
            family=self.family(),
            ids=[sample.id for sample in pairs.samples],
            clusters=[sample.cluster for sample in pairs.samples],
            sequential=stream,
            target=self.settings.target if stream is not None else "population",
            floor=pairs.chance() + (0.0 if claim == "better" else share),
            ceiling=NO_CEILING if "baseline" in self.score.needs else 1.0,  # it agrees with itself
        )
