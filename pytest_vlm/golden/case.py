"""One golden of one test and one candidate: where it lies, what is recorded of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pytest_vlm.errors import GoldenError
from pytest_vlm.golden.accepting.accept import accept_command
from pytest_vlm.golden.accepting.pending import pending_store
from pytest_vlm.golden.accepting.signature import Signature
from pytest_vlm.golden.golden import Golden, Provenance
from pytest_vlm.golden.storage.names import check_plain
from pytest_vlm.golden.storage.store import GoldenStore, StoredGolden, unwritable
from pytest_vlm.golden.storage.variants import Variant, accept, acceptable
from pytest_vlm.paths import readable
from pytest_vlm.report.model import GoldenMeasure, GoldenRecord, Record

FLAG = "--vlm-accept-goldens"
ACCEPTED = "Accepted as the new golden."
UNCHANGED = "It already was the accepted one."
WORDS = {"map": "map", "image": "picture"}


@dataclass(frozen=True, kw_only=True)
class GoldenCase:
    """What checking a map and checking an image have in common.

    Attributes:
        id: test without parameters, a slash, and the name given.
        test: node id of the test.
        candidate: name of the checkpoint that is checked.
        accepted: where accepted goldens lie.
        report: the run's folder, where what does not match waits for a person.
        accepting: take whatever is checked as the new golden.
        variant: which of several accepted goldens is meant.
        claim: told (id, test, digests) of what is checked; refuses a second one of the same id.
        record: told what was found.
        degraded: how the run answers otherwise than asked, since memory ran out; empty where it
            does not.
    """

    id: str
    test: str
    candidate: str
    accepted: GoldenStore
    report: Path
    accepting: bool
    variant: Variant
    record: Callable[[Record], None]
    claim: Callable[[str, str, str], None] = lambda id, test, digest: None
    degraded: Callable[[], str] = lambda: ""

    def __post_init__(self) -> None:
        check_plain(self.id)

    @property
    def pending(self) -> GoldenStore:
        """What waits for a person."""
        return pending_store(self.report, self.candidate)

    @property
    def next_step(self) -> str:
        """The command that accepts what is pending."""
        return accept_command(self.report, self.candidate, self.id, self.accepted.folder)

    def goldens(self, subject: str) -> list[StoredGolden]:
        """What was accepted and may match; none where nothing was accepted yet.

        Raises:
            GoldenError: one cannot be read, is of the other subject, or its id differs from this
                one in upper case alone.
        """
        found = acceptable(self.accepted, self.id, self.variant)
        for golden in found:
            own = "image" if golden.packed is None else "map"
            if own != subject:
                raise GoldenError(
                    f"the golden {golden.where} is of {_article(own)}, and this test checks "
                    f"{_article(subject)}; give it another name"
                )
        if not found:
            self.accepted.check_case(self.id)
        return found

    def replaced(self, goldens: Sequence[StoredGolden]) -> StoredGolden | None:
        """Which of them a new golden takes the place of: the one of the same variant."""
        same = [one for one in goldens if Variant.of(one.provenance) == self.variant]
        return same[0] if same else None

    def missing(self, golden: Golden, *, evidence: str) -> str:
        """Leave a first one to be accepted; gives what the test fails with.

        Raises:
            GoldenError: the report's folder cannot be written to.
        """
        self._leave_pending(golden)
        where = readable(self.pending.folder)
        sentence = f"No golden was accepted yet; a pending one is in {where}."
        self.note("missing", sentence, subject=golden.subject, evidence=evidence)
        return (
            f"golden {self.id}, {self.candidate}: {sentence} Look at the report; if the "
            f"{WORDS[golden.subject]} is right: {self.next_step}"
        )

    def different(
        self,
        golden: Golden,
        *,
        sentence: str,
        accepted: Provenance,
        measures: Sequence[GoldenMeasure],
        evidence: str,
    ) -> str:
        """Leave another one than was accepted to be looked at; gives what the test fails with.

        Args:
            golden: the new one.
            sentence: what was found; as for `measures` and `evidence`, see `note`.
            accepted: of the golden that it was compared with.

        Raises:
            GoldenError: the report's folder cannot be written to.
        """
        self._leave_pending(golden)
        self.note(
            "fail",
            sentence,
            subject=golden.subject,
            golden=accepted,
            measures=measures,
            evidence=evidence,
        )
        return (
            f"golden {self.id}, {self.candidate}: {sentence} Look at the report; if the new "
            f"{WORDS[golden.subject]} is right: {self.next_step}"
        )

    def _leave_pending(self, golden: Golden) -> None:
        try:
            self.pending.save(golden)
        except OSError as error:
            raise unwritable(self.pending.folder, self.id, error) from error

    def forget_pending(self) -> None:
        """Drop what an earlier run or test left: there is nothing to decide any more."""
        self.pending.delete(self.id)

    def accept(self, golden: Golden) -> None:
        """Take a new one as it is, because the command line says so.

        Raises:
            GoldenError: the goldens cannot be written to.
        """
        why = "; ".join(filter(None, (FLAG, self.degraded())))
        try:
            accept(self.accepted, golden, Signature.now(why=why))
        except OSError as error:
            raise unwritable(self.accepted.folder, self.id, error) from error
        self.forget_pending()

    def note(
        self,
        verdict: str,
        sentence: str,
        *,
        subject: str,
        golden: Provenance | None = None,
        measures: Sequence[GoldenMeasure] = (),
        evidence: str = "",
    ) -> None:
        """Record what was found.

        Args:
            verdict: ``pass`` | ``fail`` | ``missing`` | ``accepted``.
            sentence: what a person reads.
            subject: ``map`` | ``image``.
            golden: of the accepted golden that it was compared with; None without one.
            measures: the numbers; those that are not finite are left out.
            evidence: file in the run's folder with the pictures of what was left pending.
        """
        if degraded := self.degraded():
            sentence = f"{sentence} Degraded: {degraded}."
        self.record(
            GoldenRecord(
                test=self.test,
                candidate=self.candidate,
                golden=self.id,
                verdict=verdict,
                sentence=sentence,
                subject="image" if subject == "image" else "map",
                variant="" if golden is None else str(Variant.of(golden)),
                measures=tuple(one for one in measures if math.isfinite(one.value)),
                evidence=evidence,
                accept=self.next_step if evidence and verdict in ("fail", "missing") else "",
            )
        )


def _article(subject: str) -> str:
    return "an image" if subject == "image" else "a map"
