"""The checkpoints of a run as their files describe them, each inspected once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from pytest_vlm.checkpoint.fingerprint import file_digest
from pytest_vlm.checkpoint.folder import (
    CheckpointFolder,
    check_comparable,
    differences,
)
from pytest_vlm.checkpoint.inputs import KINDS_OF_INPUT
from pytest_vlm.checkpoint.inspection import inspect_checkpoint
from pytest_vlm.checkpoint.spec import CheckpointSpec
from pytest_vlm.report.model import CheckpointSummary


class CheckpointCatalog:
    """Looks into checkpoints' files without loading a model.

    Args:
        in_folders: whether the engine's checkpoints are folders; of others only the name is known.
        digest: of a file, as `pytest_vlm.checkpoint.fingerprint.file_digest` computes it.
        downloads: where models of a registry are kept; None for a temporary folder.
    """

    def __init__(
        self,
        *,
        in_folders: bool,
        digest: Callable[[Path], str] = file_digest,
        downloads: Path | None = None,
    ) -> None:
        self._in_folders = in_folders
        self._digest = digest
        self._downloads = downloads
        self._folders: dict[str, CheckpointFolder] = {}

    def folder(self, spec: CheckpointSpec) -> CheckpointFolder:
        """What a checkpoint's folder holds.

        Raises:
            CheckpointError: it is missing, incomplete or no checkpoint.
        """
        if spec.name not in self._folders:
            self._folders[spec.name] = inspect_checkpoint(
                spec, self._digest, downloads=self._downloads
            )
        return self._folders[spec.name]

    def has_folder(self, spec: CheckpointSpec) -> bool:
        """Whether it lies in a folder; not what a server answers for."""
        return self._in_folders and not spec.on_server

    def summary(self, spec: CheckpointSpec) -> CheckpointSummary:
        """The same for the report."""
        if not self.has_folder(spec):
            return CheckpointSummary(name=spec.name, source=spec.source)
        folder = self.folder(spec)
        return CheckpointSummary(
            name=spec.name,
            source=spec.source,
            architecture=folder.architecture,
            parameters=folder.parameters,
            bytes=folder.bytes,
            dtypes=folder.dtypes,
            fingerprint=folder.fingerprint,
        )

    def check_comparable(
        self,
        baseline: CheckpointSpec,
        candidate: CheckpointSpec,
        allowed: frozenset[str] = frozenset(),
    ) -> None:
        """Refuse two checkpoints that would not see the same question.

        Args:
            baseline: one of them.
            candidate: the other.
            allowed: which of ``template``, ``tokenizer`` and ``processor`` are meant to differ.

        Raises:
            CheckpointMismatch: chat template, tokenizer or image processor differ.
        """
        if self.has_folder(baseline) and self.has_folder(candidate):
            a, b = self.folder(baseline), self.folder(candidate)
            check_comparable(baseline, a, candidate, b, allowed)

    def remarks(
        self,
        baseline: CheckpointSpec,
        candidate: CheckpointSpec,
        allowed: frozenset[str] = frozenset(),
    ) -> Iterator[str]:
        """What a reviewer should know of the candidate beside the baseline.

        Args:
            baseline: one of them.
            candidate: the other.
            allowed: as in `check_comparable`.
        """
        if baseline.on_server or candidate.on_server:
            yield "a server answers: whether both see the same question is not known here"
        if self.has_folder(baseline) and self.has_folder(candidate):
            a, b = self.folder(baseline), self.folder(candidate)
            if a.fingerprint == b.fingerprint:
                yield f"its files are those of the baseline {baseline.name}, byte for byte"
            for kind in sorted(differences(a, b) & allowed):
                yield (
                    f"its {KINDS_OF_INPUT[kind]} differs from that of the baseline "
                    f"{baseline.name}, as allowed: they do not see the same question"
                )
            yield from b.remarks
            yield from (f"the baseline {baseline.name}: {remark}" for remark in a.remarks)
        if candidate.load != baseline.load:
            yield f"loaded with {candidate.load}, the baseline {baseline.name} with {baseline.load}"
        for spec in (baseline, candidate):
            if spec.trust_remote_code:
                yield f"{spec.name} runs code of its own (trust_remote_code=yes)"
