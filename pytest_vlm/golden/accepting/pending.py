"""What a run left to be reviewed; it may have been downloaded, so nothing in it is trusted."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pytest_vlm.errors import GoldenError
from pytest_vlm.golden.accepting.artifacts import AGAIN, LIMITS, check_files, entries, unlike_folder
from pytest_vlm.golden.accepting.origin import Origin
from pytest_vlm.golden.golden import Golden
from pytest_vlm.golden.storage.names import PART, is_id, without_variant
from pytest_vlm.golden.storage.store import GoldenStore
from pytest_vlm.report.model import GoldenRecord

PENDING = "pending"
FOLDER = re.compile(PENDING)
CANDIDATE = re.compile(r"(?!\.)[A-Za-z0-9._-]+")
WAITS = ("fail", "missing")
MARK = re.compile(rf"\.({PART.pattern})\.decided")


def pending_store(report: Path, candidate: str) -> GoldenStore:
    """Where a run leaves a candidate's maps that wait for a person."""
    return GoldenStore(report / PENDING / candidate)


@dataclass(frozen=True, kw_only=True)
class PendingGolden:
    """A golden that waits for a person, or something else that lies in its place.

    Attributes:
        id: test, slash, name; the path of what is no golden.
        record: what the run found; None where it tells nothing of it.
        problem: why it cannot be accepted; empty where nothing speaks against reading it.
    """

    candidate: str
    id: str
    record: GoldenRecord | None = None
    problem: str = ""


class PendingFolder:
    """The pending goldens of one run.

    Raises:
        GoldenError: the folder is no run's report.
    """

    def __init__(self, report: Path) -> None:
        self.report = report
        self.origin = Origin.read(report)

    def goldens(self) -> list[PendingGolden]:
        """All that wait, by candidate and id, and what is refused.

        Raises:
            GoldenError: they cannot be read, or lie outside the report's folder.
        """
        folder = self.report / PENDING
        if not folder.exists() and not folder.is_symlink():
            return []
        if problem := unlike_folder(folder, FOLDER):
            raise GoldenError(f"{folder}: {problem}; {AGAIN}")
        try:
            return list(self._all(folder))
        except OSError as error:
            raise GoldenError(f"{folder} cannot be read ({error}); {AGAIN}") from error

    def load(self, pending: PendingGolden) -> Golden:
        """Read one; what it says about itself is held against the run.

        Raises:
            GoldenError: it cannot be accepted; says why and what to do.
        """
        problem = pending.problem
        if not problem:
            try:
                return self._load(pending)
            except GoldenError as error:
                problem = str(error)
        raise GoldenError(f"{pending.id} of {pending.candidate}: {problem}; {AGAIN}")

    def drop(self, pending: PendingGolden) -> None:
        """Remove one that was decided.

        The mark comes first, so that an interrupted removal is known, and finished by the next
        look.

        Raises:
            GoldenError: the folder cannot be written to.
        """
        path = self.path(pending)
        try:
            path.with_name(f"{path.name}.json").replace(_mark(path))
            _sweep(path)
        except OSError as error:
            raise GoldenError(f"{path} cannot be removed ({error})") from error

    def path(self, pending: PendingGolden) -> Path:
        """Of its files, without a suffix."""
        return self.report / PENDING / pending.candidate / pending.id

    def _load(self, pending: PendingGolden) -> Golden:
        path = self.path(pending)
        check_files(path)
        try:
            golden = pending_store(self.report, pending.candidate).load(pending.id)
        except (GoldenError, MemoryError) as error:
            # What the store advises is for accepted goldens.
            why = str(error).partition(" cannot be read: ")[2].partition("; restore it")[0]
            raise GoldenError(f"it cannot be read ({why or error})") from error
        assert golden is not None  # its files were there a moment ago
        origin = golden.provenance
        name, fingerprint = origin.checkpoint, origin.fingerprint
        known = self.origin.fingerprints.get(pending.candidate, fingerprint)
        if (name, fingerprint) != (pending.candidate, known):
            raise GoldenError(
                f"it was made by {name} ({fingerprint[:12]}), but {pending.candidate} of this run "
                f"is {known[:12]}; another run left it"
            )
        wanted = golden.subject if pending.record is None else pending.record.subject
        if golden.subject != wanted:
            shown = {"map": "a map", "image": "an image"}
            raise GoldenError(
                f"it is of {shown[golden.subject]}, the run's is of {shown.get(wanted, wanted)}"
            )
        return golden

    def _all(self, folder: Path) -> Iterator[PendingGolden]:
        for candidate in entries(folder):
            if problem := unlike_folder(candidate, CANDIDATE):
                yield PendingGolden(candidate=candidate.name, id="(all)", problem=problem)
                continue
            for test in entries(candidate):
                if problem := unlike_folder(test, PART):
                    yield PendingGolden(candidate=candidate.name, id=test.name, problem=problem)
                else:
                    yield from self._of_test(candidate.name, test)

    def _of_test(self, candidate: str, test: Path) -> Iterator[PendingGolden]:
        decided = _decided(test)
        files = [path for path in entries(test) if path.stem not in decided]
        for name in sorted({path.stem for path in files if path.suffix in LIMITS}):
            id = f"{test.name}/{name}"
            record = self.origin.records.get((candidate, id))
            if not is_id(id) or without_variant(id) != id:
                problem = "that is no name for a golden"
            elif record is None or record.verdict not in WAITS:
                says = "knows nothing of it" if record is None else f"says {record.verdict}"
                problem = f"run.json {says}; another run left it"
            else:
                problem = self.origin.shared.get((candidate, id), "")
            yield PendingGolden(candidate=candidate, id=id, record=record, problem=problem)
        for path in files:
            if path.suffix not in LIMITS:
                id = f"{test.name}/{path.name}"
                yield PendingGolden(candidate=candidate, id=id, problem="it is no file of a golden")


def _decided(test: Path) -> set[str]:
    """Names whose removal was interrupted; it is finished where the folder can be written to."""
    found = set()
    for path in test.iterdir():
        mark = MARK.fullmatch(path.name)
        if not mark:
            continue
        with suppress(OSError):
            if path.with_name(f"{mark[1]}.json").exists():  # a later run left another one
                path.unlink()
            else:
                found.add(mark[1])
                _sweep(path.with_name(mark[1]))
    return found


def _mark(path: Path) -> Path:
    return path.with_name(f".{path.name}.decided")


def _sweep(path: Path) -> None:
    for suffix in LIMITS:
        path.with_name(f"{path.name}{suffix}").unlink(missing_ok=True)
    _mark(path).unlink(missing_ok=True)
