"""``golden("name").check(map)``: the accepted map, or a pending one and a red test."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from pytest_vlm.errors import GoldenError
from pytest_vlm.evaluation.samples import Sample
from pytest_vlm.golden.accept import accept_command, pending_store
from pytest_vlm.golden.comparison import GoldenComparison, Tolerance, compare_maps
from pytest_vlm.golden.store import Golden, GoldenStore, Provenance
from pytest_vlm.heatmap.heatmap import Heatmap
from pytest_vlm.heatmap.metrics import MapDistance
from pytest_vlm.heatmap.rendering import overlay, png
from pytest_vlm.paths import readable
from pytest_vlm.report.evidence import EvidenceFolder
from pytest_vlm.report.model import GoldenMeasure, GoldenRecord, Record


@dataclass(frozen=True, kw_only=True)
class GoldenCheck:
    """One golden of one test, to be checked against one candidate's map.

    Attributes:
        id: test without parameters, a slash, and the name given.
        report: the run's folder, where a map that does not match waits for a person.
        accept: take every map that is checked as the new golden.
        degraded: how the run answers otherwise than asked, since memory ran out; empty where it
            does not.
    """

    id: str
    test: str
    candidate: str
    accepted: GoldenStore
    report: Path
    accept: bool
    provenance: Callable[[Heatmap], Provenance]
    baseline_map: Callable[[Sample], Heatmap | None]
    evidence: EvidenceFolder
    record: Callable[[Record], None]
    degraded: Callable[[], str] = lambda: ""

    def check(self, heatmap: Heatmap, *, tolerance: Tolerance = Tolerance()) -> None:
        """Compare with the accepted map.

        A missing or different golden leaves a pending one in the run's folder.

        Raises:
            AssertionError: there is no golden, or the map is not within the tolerance.
            GoldenError: the golden cannot be read, or the map does not say whose answer it is.
        """
        __tracebackhide__ = True
        sample = heatmap.sample
        if sample is None:
            raise GoldenError(
                "this map does not say whose answer it explains; use relevance(sample)"
            )
        golden = self.accepted.load(self.id)
        if self.accept:
            self._save(self.accepted, heatmap, sample, accepted=True)
            self._pending.delete(self.id)
            self._record(golden, heatmap, sample, "accepted", "Accepted as the new golden.")
            return
        if golden is None:
            self._save(self._pending, heatmap, sample)
            where = readable(self._pending.folder)
            sentence = f"No golden was accepted yet; a pending one is in {where}."
            self._record(None, heatmap, sample, "missing", sentence)
            raise AssertionError(f"golden {self.id}: {sentence} {self._next_step()}")
        found = self._compare(golden, heatmap, sample, tolerance)
        distance = found.distance
        if not found.problem and distance is not None:
            sentence = (
                f"Correlation {distance.pearson:.4f} (at least {tolerance.pearson}), largest "
                f"deviation {distance.max_deviation:.2f} (at most {tolerance.max_deviation})."
            )
            self._pending.delete(self.id)
            self._record(golden, heatmap, sample, "pass", sentence, found, tolerance)
            return
        self._save(self._pending, heatmap, sample)
        sentence = f"Not the accepted map: {found.problem}."
        self._record(golden, heatmap, sample, "fail", sentence, found, tolerance)
        raise AssertionError(
            f"golden {self.id}, {self.candidate}: {sentence} Look at the report; if the new map is "
            f"right: {self._next_step()}"
        )

    @property
    def _pending(self) -> GoldenStore:
        return pending_store(self.report, self.candidate)

    def _compare(
        self, golden: Golden, heatmap: Heatmap, sample: Sample, tolerance: Tolerance
    ) -> GoldenComparison:
        if golden.provenance.sample_digest != sample.digest:
            return GoldenComparison(
                distance=None,
                problem=f"it was accepted for another sample ({golden.provenance.sample_id!r}, "
                "or the same with other content)",
            )
        return compare_maps(golden.heatmap, heatmap, tolerance)

    def _save(
        self, store: GoldenStore, heatmap: Heatmap, sample: Sample, *, accepted: bool = False
    ) -> None:
        provenance = self.provenance(heatmap)
        if accepted:
            now = datetime.now(UTC).isoformat(timespec="seconds")
            reason = "; ".join(filter(None, ("--vlm-accept-goldens", self.degraded())))
            provenance = replace(provenance, accepted=now, reason=reason)
        picture = png(overlay(sample.frames[0].open(), heatmap))
        store.save(Golden(id=self.id, heatmap=heatmap, picture=picture, provenance=provenance))

    def _record(
        self,
        golden: Golden | None,
        heatmap: Heatmap,
        sample: Sample,
        verdict: str,
        sentence: str,
        found: GoldenComparison | None = None,
        tolerance: Tolerance = Tolerance(),
    ) -> None:
        distance = found.distance if found is not None else None
        if degraded := self.degraded():
            sentence = f"{sentence} Degraded: {degraded}."
        self.record(
            GoldenRecord(
                test=self.test,
                candidate=self.candidate,
                golden=self.id,
                verdict=verdict,
                sentence=sentence,
                measures=() if distance is None else _measures(distance, tolerance),
                evidence=self.evidence.write_golden(
                    f"{self.test} {self.id}",
                    sample,
                    golden=golden.heatmap if golden is not None else None,
                    baseline=self.baseline_map(sample),
                    candidate=heatmap,
                ),
                accept=self._next_step() if verdict in ("fail", "missing") else "",
            )
        )

    def _next_step(self) -> str:
        return accept_command(self.report, self.candidate, self.id, self.accepted.folder)


def _measures(distance: MapDistance, tolerance: Tolerance) -> tuple[GoldenMeasure, ...]:
    numbers = (
        GoldenMeasure(name="correlation", value=distance.pearson, limit=tolerance.pearson),
        GoldenMeasure(
            name="largest deviation",
            value=distance.max_deviation,
            limit=tolerance.max_deviation,
            better="lower",
        ),
    )
    return tuple(number for number in numbers if math.isfinite(number.value))
