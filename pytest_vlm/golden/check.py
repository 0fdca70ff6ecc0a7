"""``golden("name").check(map)``: the accepted map, or a pending one and a red test."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pytest_vlm.errors import GoldenError
from pytest_vlm.evaluation.samples import Sample
from pytest_vlm.golden.calibration import Calibration
from pytest_vlm.golden.case import ACCEPTED, UNCHANGED, GoldenCase
from pytest_vlm.golden.comparison import GoldenComparison, compare_maps, identical
from pytest_vlm.golden.golden import Golden, Provenance, map_digest
from pytest_vlm.golden.images.check import ImageCheck
from pytest_vlm.golden.images.comparison import Box
from pytest_vlm.golden.images.source import Source
from pytest_vlm.golden.images.tolerance import ImageTolerance
from pytest_vlm.golden.storage.store import StoredGolden
from pytest_vlm.golden.tolerance import Tolerance, tolerance_of
from pytest_vlm.heatmap.heatmap import Heatmap
from pytest_vlm.heatmap.rendering import overlay, png
from pytest_vlm.report.evidence import EvidenceFolder, Shown

MAP = "map"


@dataclass(frozen=True, kw_only=True)
class GoldenCheck:
    """One golden of one test, to be checked against one candidate's map.

    Attributes:
        case: which golden, whose, and where it lies.
        provenance: of a map that the candidate made; of None, of something else that it made.
        baseline_map: the baseline's, to be shown beside a map that there is something to review of.
        remake: makes the map of a sample's answer anew, otherwise batched in each run; given the
            method and the number of the run.
        evidence: takes the pictures.
    """

    case: GoldenCase
    provenance: Callable[[Heatmap | None], Provenance]
    baseline_map: Callable[[Heatmap], Heatmap | None]
    remake: Callable[[Sample, str | None, int], Heatmap]
    evidence: EvidenceFolder

    def check(self, heatmap: Heatmap, *, tolerance: Tolerance | str = "strict") -> None:
        """Compare with the accepted map.

        A missing or different golden leaves a pending one in the run's folder.

        Args:
            heatmap: what ``relevance(sample)`` gave.
            tolerance: ``strict``, ``tolerant``, or limits of the test's own.

        Raises:
            AssertionError: there is no golden, or the map is not within the tolerance.
            GoldenError: the golden cannot be read, another test or map has the same id, or the map
                does not say whose answer it is.
        """
        __tracebackhide__ = True
        limits, case = tolerance_of(tolerance), self.case
        if not isinstance(heatmap, Heatmap):
            raise GoldenError(
                f"check compares the map that relevance(sample) gives, found "
                f"{type(heatmap).__name__}; a picture is for check_image"
            )
        sample = heatmap.sample
        if sample is None:
            raise GoldenError(
                "this map does not say whose answer it explains; use relevance(sample)"
            )
        digest = map_digest(heatmap)
        case.claim(case.id, case.test, f"{sample.digest} {digest}")
        goldens = case.goldens(MAP)
        if case.accepting:
            self._accept(case.replaced(goldens), digest, heatmap, sample)
            return
        if not goldens:
            raise AssertionError(self._missing(heatmap, sample))
        compared = [
            (stored, _compare(stored, digest, heatmap, sample, limits)) for stored in goldens
        ]
        stored, found = max(compared, key=lambda pair: pair[1].nearness)
        if found.problem:
            raise AssertionError(self._different(stored, found, heatmap, sample))
        case.forget_pending()
        case.note(
            "pass",
            found.sentence,
            subject=MAP,
            golden=stored.provenance,
            measures=found.measures,
        )

    def check_image(
        self,
        picture: Source,
        *,
        tolerance: ImageTolerance | str = "exact",
        ignore: Sequence[Box] = (),
    ) -> None:
        """Compare a picture, e.g. a screenshot of the app, with the accepted one.

        A missing or different golden leaves a pending one in the run's folder.

        Args:
            picture: PNG bytes, the path of a PNG, or a PIL image; compared as it is, with its
                mode, its depth and its alpha.
            tolerance: ``exact``, ``screenshot``, or limits of the test's own.
            ignore: boxes (x0, y0, x1, y1) in pixels that do not count.

        Raises:
            AssertionError: there is no golden, or the picture is not within the tolerance.
            GoldenError: the golden or the picture cannot be read, another test has the same id, or
                a box or a tolerance that cannot be meant.
        """
        __tracebackhide__ = True
        ImageCheck(
            case=self.case, provenance=lambda: self.provenance(None), evidence=self.evidence
        ).check(picture, tolerance=tolerance, ignore=ignore)

    def calibrate(self, sample: Sample, *, runs: int = 5, method: str | None = None) -> None:
        """Measure how much this device's maps differ from run to run, and propose a tolerance.

        Makes the map of the sample's answer `runs` times, not from the cache and otherwise batched
        each time. Never passes and changes nothing: with what it found, write the tolerance into
        the test and call `check` again.

        Raises:
            AssertionError: always, with the numbers and the tolerance to write.
            GoldenError: fewer than two runs.
        """
        __tracebackhide__ = True
        maps = [self.remake(sample, method, run) for run in range(runs)]
        stored = self.case.goldens(MAP)
        goldens = [one.unpack().heatmap for one in stored]
        found = Calibration.of(maps, [one for one in goldens if one is not None])
        self.case.note(
            "fail",
            found.sentence,
            subject=MAP,
            golden=stored[0].provenance if stored else None,
            measures=found.measures,
        )
        raise AssertionError(f"golden {self.case.id}, {self.case.candidate}: {found}")

    def _accept(
        self, before: StoredGolden | None, digest: str, heatmap: Heatmap, sample: Sample
    ) -> None:
        self.case.accept(self._golden(heatmap, sample))
        if before is not None and before.digest == digest:
            self.case.note("pass", UNCHANGED, subject=MAP, golden=before.provenance)
            return
        evidence = self._evidence(before, heatmap, sample)
        self.case.note("accepted", ACCEPTED, subject=MAP, evidence=evidence)

    def _missing(self, heatmap: Heatmap, sample: Sample) -> str:
        evidence = self._evidence(None, heatmap, sample)
        return self.case.missing(self._golden(heatmap, sample), evidence=evidence)

    def _different(
        self, stored: StoredGolden, found: GoldenComparison, heatmap: Heatmap, sample: Sample
    ) -> str:
        return self.case.different(
            self._golden(heatmap, sample),
            sentence=found.sentence,
            accepted=stored.provenance,
            measures=found.measures,
            evidence=self._evidence(stored, heatmap, sample),
        )

    def _golden(self, heatmap: Heatmap, sample: Sample) -> Golden:
        shown = Shown.of(sample, [heatmap])
        part = heatmap.on(shown.medium, shown.frame) or heatmap
        return Golden(
            id=self.case.id,
            heatmap=heatmap,
            picture=png(overlay(shown.image.open(), part, top=float(heatmap.values.max()))),
            provenance=self.provenance(heatmap),
        )

    def _evidence(self, before: StoredGolden | None, heatmap: Heatmap, sample: Sample) -> str:
        return self.evidence.write_golden(
            f"{self.case.test} {self.case.id}",
            sample,
            golden=None if before is None else before.unpack().heatmap,
            baseline=self.baseline_map(heatmap),
            candidate=heatmap,
        )


def _compare(
    stored: StoredGolden, digest: str, heatmap: Heatmap, sample: Sample, tolerance: Tolerance
) -> GoldenComparison:
    origin = stored.provenance
    if origin.sample_digest != sample.digest:
        return GoldenComparison(
            distance=None,
            problem=f"it was accepted for another sample ({origin.sample_id!r}, or the same with "
            "other content)",
        )
    if stored.digest == digest:
        return identical(tolerance)
    golden = stored.unpack().heatmap
    assert golden is not None  # goldens of images were refused before
    return compare_maps(golden, heatmap, tolerance)
