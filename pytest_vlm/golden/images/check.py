"""``golden("name").check_image(picture)``: the accepted one, or a pending one and a red test."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pytest_vlm.golden.case import ACCEPTED, UNCHANGED, GoldenCase
from pytest_vlm.golden.golden import Golden, Provenance
from pytest_vlm.golden.images.comparison import (
    Box,
    ImageComparison,
    compare_pixels,
    identical,
    ignored_mask,
)
from pytest_vlm.golden.images.pixels import Pixels
from pytest_vlm.golden.images.rendering import review_pictures
from pytest_vlm.golden.images.source import GivenPicture, Source
from pytest_vlm.golden.images.tolerance import EXACT, ImageTolerance, image_tolerance_of
from pytest_vlm.golden.storage.store import StoredGolden, unreadable
from pytest_vlm.heatmap.rendering import png
from pytest_vlm.report.evidence import EvidenceFolder

IMAGE = "image"


@dataclass(frozen=True, kw_only=True)
class ImageCheck:
    """One image golden of one test, to be checked against a candidate's picture.

    Attributes:
        case: which golden, whose, and where it lies.
        provenance: of what the candidate made.
        evidence: takes the pictures.
    """

    case: GoldenCase
    provenance: Callable[[], Provenance]
    evidence: EvidenceFolder

    def check(
        self,
        picture: Source,
        *,
        tolerance: ImageTolerance | str = "exact",
        ignore: Sequence[Box] = (),
    ) -> None:
        """Compare with the accepted picture: `GoldenCheck.check_image` says how."""
        __tracebackhide__ = True
        limits, case, given = image_tolerance_of(tolerance), self.case, GivenPicture(picture)
        case.claim(case.id, case.test, given.digest)
        goldens = case.goldens(IMAGE)
        if case.accepting or not goldens:  # what becomes the golden must be able to pass
            ignored_mask(given.pixels, ignore)
        if case.accepting:
            self._accept(case.replaced(goldens), given)
            return
        if not goldens:
            raise AssertionError(self._missing(given))
        compared = [(stored, _compare(stored, given, limits, ignore)) for stored in goldens]
        stored, found = min(compared, key=lambda pair: (bool(pair[1].problem), pair[1].share))
        if found.problem:
            raise AssertionError(self._different(stored, found, given))
        case.forget_pending()
        case.note(
            "pass",
            found.sentence,
            subject=IMAGE,
            golden=stored.provenance,
            measures=found.measures,
        )

    def _accept(self, before: StoredGolden | None, given: GivenPicture) -> None:
        same = before is not None and not _compare(before, given, EXACT, ()).problem
        evidence = "" if same else self._evidence(given, before)
        self.case.accept(self._golden(given))
        if before is not None and same:
            self.case.note("pass", UNCHANGED, subject=IMAGE, golden=before.provenance)
            return
        self.case.note("accepted", ACCEPTED, subject=IMAGE, evidence=evidence)

    def _missing(self, given: GivenPicture) -> str:
        return self.case.missing(self._golden(given), evidence=self._evidence(given))

    def _different(self, stored: StoredGolden, found: ImageComparison, given: GivenPicture) -> str:
        return self.case.different(
            self._golden(given),
            sentence=found.sentence,
            accepted=stored.provenance,
            measures=found.measures,
            evidence=self._evidence(given, stored, found),
        )

    def _golden(self, given: GivenPicture) -> Golden:
        return Golden(
            id=self.case.id, heatmap=None, picture=given.content, provenance=self.provenance()
        )

    def _evidence(
        self,
        given: GivenPicture,
        stored: StoredGolden | None = None,
        found: ImageComparison | None = None,
    ) -> str:
        golden = None if stored is None else _pixels(stored)
        if golden is not None and found is None:
            found = compare_pixels(golden, given.pixels)
        drawn = review_pictures(golden, given.pixels, found)
        return self.evidence.write_golden_pictures(
            f"{self.case.test} {self.case.id}", {key: png(image) for key, image in drawn.items()}
        )


def _compare(
    stored: StoredGolden, given: GivenPicture, tolerance: ImageTolerance, ignore: Sequence[Box]
) -> ImageComparison:
    if stored.digest == given.digest and not ignore:  # a box is held against the golden's size
        return identical(tolerance)
    return compare_pixels(_pixels(stored), given.pixels, tolerance, ignore)


def _pixels(stored: StoredGolden) -> Pixels:
    try:
        return Pixels.of_png(stored.picture)
    except ValueError as error:
        raise unreadable(stored.where, f"{stored.where.name}.png: {error}") from error
