"""A checkpoint folder, inspected without loading it and without torch."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pytest_vlm.checkpoint.agreement import check_agreement
from pytest_vlm.checkpoint.files.archive import SUFFIXES as PICKLES
from pytest_vlm.checkpoint.files.configuration import CONFIG, architecture, own_code, read_config
from pytest_vlm.checkpoint.files.pickled import check_pickled
from pytest_vlm.checkpoint.files.reading import confine, open_regular
from pytest_vlm.checkpoint.files.weights import read_headers
from pytest_vlm.checkpoint.fingerprint import content_names, content_paths, file_digest, fingerprint
from pytest_vlm.checkpoint.inputs import KINDS_OF_INPUT
from pytest_vlm.checkpoint.patches.patch import ADAPTER, Patch
from pytest_vlm.checkpoint.questions import read_question_files
from pytest_vlm.checkpoint.spec import CheckpointSpec
from pytest_vlm.errors import CheckpointError, CheckpointMismatch

Signature = tuple[tuple[str, int, int, int, int], ...]


@dataclass(frozen=True, kw_only=True)
class CheckpointFolder:
    """What the files say of a checkpoint.

    Attributes:
        path: the folder; of a patched checkpoint, its base's.
        architecture: as config.json names it.
        parameters: number of stored values.
        bytes: of the weights.
        dtypes: of the weights, as safetensors spells them.
        fingerprint: of its files' names and contents, 32 hexadecimal digits.
        signature: name, size, inode and times of those files when they were read.
        chat_template: digest of the template; empty without one.
        tokenizer: digest of the tokenizer's vocabulary and rules; empty without one.
        processor: digest of the image processor's settings; empty without one.
        remarks: what a reviewer should know of the folder.
        patch: what is put over the folder's weights; the fingerprint is that of both.
    """

    path: Path
    architecture: str
    parameters: int
    bytes: int
    dtypes: tuple[str, ...]
    fingerprint: str
    signature: Signature
    chat_template: str
    tokenizer: str
    processor: str
    remarks: tuple[str, ...] = ()
    patch: Patch | None = None

    def check_unchanged(self) -> None:
        """Make sure that the files still are those of the fingerprint.

        Raises:
            CheckpointError: one was written, added or removed since.
        """
        patch = self.patch.path if self.patch else None
        try:
            changed = signature(self.path, self.patch) != self.signature
        except FileNotFoundError:
            changed = True
        if changed:
            raise CheckpointError(
                f"{f'{patch} or its base ' if patch else ''}{self.path} was changed while it was "
                "used; run again when it is complete"
            )


def inspect_folder(
    path: Path, digest: Callable[[Path], str] = file_digest, *, trust_remote_code: bool = False
) -> CheckpointFolder:
    """Read a Hugging Face folder's configuration and headers. Nothing of it is run.

    Args:
        path: of the folder.
        digest: of a file, as `file_digest` computes it.
        trust_remote_code: whether a folder that needs its own code is to be accepted.

    Raises:
        CheckpointError: no such folder, no checkpoint in it, an incomplete one, or one that would
            have to be trusted.
    """
    try:
        return _inspect(path, digest, trust_remote_code)
    except OSError as error:
        raise CheckpointError(
            f"{error.filename or path} cannot be read: {error.strerror or error}; run again when "
            "the checkpoint is complete"
        ) from error


def differences(a: CheckpointFolder, b: CheckpointFolder) -> frozenset[str]:
    """Which of ``template``, ``tokenizer`` and ``processor`` differ."""
    pairs = {
        "template": (a.chat_template, b.chat_template),
        "tokenizer": (a.tokenizer, b.tokenizer),
        "processor": (a.processor, b.processor),
    }
    return frozenset(kind for kind, (one, other) in pairs.items() if one != other)


def check_comparable(
    baseline: CheckpointSpec,
    a: CheckpointFolder,
    candidate: CheckpointSpec,
    b: CheckpointFolder,
    allowed: frozenset[str] = frozenset(),
) -> None:
    """Refuse a comparison whose sides would not see the same question.

    Args:
        baseline: and `a`, its folder.
        candidate: and `b`, its folder.
        allowed: which of ``template``, ``tokenizer`` and ``processor`` are meant to differ.

    Raises:
        CheckpointMismatch: the chat template, the tokenizer or the image processor differs.
    """
    found = differences(a, b) - allowed
    for kind, what in KINDS_OF_INPUT.items():
        if kind in found:
            raise CheckpointMismatch(
                f"the {what}s of {candidate.name} ({b.path}) and the baseline {baseline.name} "
                f"({a.path}) differ, so they do not see the same question. "
                f"Copy the baseline's {what} files into the candidate's folder, compare each "
                "with a baseline of its own kind, or, if the difference is what you want to "
                f"measure, add --vlm-allow-different {','.join(sorted(allowed | found))}"
            )


def _inspect(
    path: Path, digest: Callable[[Path], str], trust_remote_code: bool
) -> CheckpointFolder:
    _check_folder(path)
    before = signature(path)
    config = read_config(path)
    note = own_code(path, trusted=trust_remote_code)
    headers = read_headers(path)
    questions = read_question_files(path)
    dtypes = {name: dtype for header in headers for name, dtype in header.dtypes.items()}
    shapes = {name: shape for header in headers for name, shape in header.shapes.items()}
    check_agreement(path, config, shapes, dtypes, questions.largest_id)
    folder = CheckpointFolder(
        path=path,
        architecture=architecture(config),
        parameters=sum(header.parameters for header in headers),
        bytes=sum(header.bytes for header in headers),
        dtypes=tuple(sorted(set(dtypes.values()))),
        fingerprint=fingerprint(path, digest),
        signature=before,
        chat_template=questions.chat_template,
        tokenizer=questions.tokenizer,
        processor=questions.processor,
        remarks=(note,) if note else (),
    )
    folder.check_unchanged()
    return folder


def _check_folder(path: Path) -> None:
    if not path.exists():
        confine(path, path.parent) if path.is_symlink() else None
        raise CheckpointError(f"no such checkpoint: {path} does not exist")
    if not path.is_dir():
        if path.suffix in PICKLES:
            check_pickled(path)
        raise CheckpointError(f"{path} is a file; a checkpoint is a folder with a config.json")
    next(path.iterdir(), None)  # glob finds nothing, and says nothing, where it may not look
    if (path / ADAPTER).exists():
        raise CheckpointError(
            f"{path} holds an adapter ({ADAPTER}), not a whole model; give it for itself, with its "
            'base: --checkpoint "B=path/to/adapter?base=path/to/base"'
        )
    for file in content_paths(path):
        if not file.name.isprintable():
            raise CheckpointError(f"{path} has a file with the name {file.name!r}; rename it")
        confine(file, path)
        with open_regular(file):
            pass
    if not (path / CONFIG).exists():
        raise CheckpointError(_not_a_checkpoint(path))


def _not_a_checkpoint(path: Path) -> str:
    nested = sorted(child.parent.name for child in path.glob("*/config.json"))
    hint = f"; did you mean {path / nested[-1]}?" if nested else ""
    return f"{path} is not a checkpoint: it has no config.json{hint}"


def signature(path: Path, patch: Patch | None = None) -> Signature:
    """Path, size, inode and times of a folder's files, and of those of a patch."""
    files = [f"{path}/{name}" for name in content_names(path)]
    files += map(str, patch.files if patch else ())
    stats = ((file, os.stat(file)) for file in files)  # noqa: PTH116, half the time of a Path's
    return tuple((n, s.st_size, s.st_ino, s.st_mtime_ns, s.st_ctime_ns) for n, s in stats)
