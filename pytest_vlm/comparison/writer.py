"""A claim, written down for the report: its sentence, numbers, doubts and pictures."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from pytest_vlm.comparison.pairs import Pairs
from pytest_vlm.comparison.sides import Sides
from pytest_vlm.evaluation.samples import Sample
from pytest_vlm.report.evidence import EvidenceFolder
from pytest_vlm.report.model import ClaimRecord, Record
from pytest_vlm.settings import Settings
from pytest_vlm.stats.result import ComparisonResult

NAMED = 5
SLICES = 8
NO_FILE_NAME = re.compile(r"[^\w.]+")


@dataclass(frozen=True, kw_only=True)
class ClaimWriter:
    """Records the claims of one comparison.

    Attributes:
        new_id: names each claim.
        test: on whose behalf.
        score: by name.
        anchor: whether the baseline is the run's anchor.
    """

    new_id: Callable[[], str]
    test: str
    sides: Sides
    score: str
    settings: Settings
    evidence: EvidenceFolder
    record: Callable[[Record], None]
    anchor: bool = False

    def write(
        self,
        verdict: str,
        claim: str,
        sentence: str,
        pairs: Pairs | None = None,
        result: ComparisonResult | None = None,
        doubts: tuple[str, ...] = (),
    ) -> None:
        """Record one claim.

        Args:
            verdict: ``pass``, ``fail``, ``inconclusive`` or ``reported``.
            claim: empty for numbers without one.
            sentence: for people.
            pairs: that were asked, if any were.
            result: of the comparison, if there was one.
            doubts: warnings beside those of the result and of the answers.
        """
        id = self.new_id()
        if pairs is not None and self.settings.log is not None:
            pairs.write_logs(self.settings.log / NO_FILE_NAME.sub("-", id.rpartition("::")[2]))
        asked = pairs is not None and "measurement" not in pairs.score.needs
        compared = pairs if asked and result is not None else None
        flips = compared.flips() if compared is not None else []
        slices = compared.slices() if compared is not None else ()
        baseline, candidate = self.sides.names
        self.record(
            ClaimRecord(
                id=id,
                test=self.test,
                candidate=candidate,
                baseline=baseline,
                score=self.score,
                claim=claim,
                verdict=verdict,
                sentence=sentence,
                result=result.to_json() if result is not None else {},
                unusable=pairs.unusable() if pairs is not None else {},
                warnings=(*doubts, *self._warnings(pairs, result, asked)),
                evidence=self.evidence.write_flips(id, flips, self.sides.maps) if flips else "",
                anchor=self.anchor,
                degraded=pairs.degradation() if pairs is not None else "",
                of_maps=pairs is not None and "relevance" in pairs.score.needs,
                slices=tuple(one.to_json() for one in slices[:SLICES]),
            )
        )

    def _warnings(
        self, pairs: Pairs | None, result: ComparisonResult | None, asked: bool
    ) -> Iterator[str]:
        if result is not None:
            yield from result.warnings
        if pairs is not None:
            yield from pairs.marks(self.settings.alpha)
        if pairs is not None and asked:
            yield from self._batching_noise(pairs.samples)

    def _batching_noise(self, samples: Sequence[Sample]) -> Iterator[str]:
        """What batching alone changes, which is no difference between the checkpoints."""
        asked = min(self.settings.check_batching, len(samples))
        for side in (self.sides.baseline, self.sides.candidate) if asked else ():
            changed = side.changed_by_batching(samples)
            named = f": {', '.join(changed[:NAMED])}" if changed else ""
            more = ", ..." if len(changed) > NAMED else ""
            yield (
                f"batching alone changes {len(changed)} of {asked} answers of {side.name}"
                f"{named}{more}"
            )
