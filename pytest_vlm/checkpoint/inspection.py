"""What a checkpoint is, from its files: a whole model, or a patch over one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from pytest_vlm.checkpoint.files.weights import Stored, read_headers, stored_tensors
from pytest_vlm.checkpoint.fingerprint import file_digest, patched_fingerprint
from pytest_vlm.checkpoint.folder import CheckpointFolder, inspect_folder, signature
from pytest_vlm.checkpoint.patches.adapter import Adapter
from pytest_vlm.checkpoint.patches.base import find_base
from pytest_vlm.checkpoint.patches.delta import Delta
from pytest_vlm.checkpoint.patches.patch import Patch, SaidBase, patch_at
from pytest_vlm.checkpoint.questions import passed_over
from pytest_vlm.checkpoint.source import locate
from pytest_vlm.checkpoint.spec import CheckpointSpec
from pytest_vlm.errors import CheckpointError


class _Content(Protocol):
    @property
    def said(self) -> SaidBase: ...
    @property
    def what(self) -> str: ...
    @property
    def added(self) -> Mapping[str, Stored]: ...
    def check(self, base: Mapping[str, Stored]) -> None: ...


def inspect_checkpoint(
    spec: CheckpointSpec,
    digest: Callable[[Path], str] = file_digest,
    *,
    downloads: Path | None = None,
) -> CheckpointFolder:
    """Read the files of a checkpoint, and those of its base where it is a patch. Nothing is run.

    Args:
        spec: as the command line names it; not a server's.
        digest: of a file, as `file_digest` computes it.
        downloads: where models of a registry are kept; None for a temporary folder.

    Raises:
        CheckpointError: it or its base is missing, incomplete or no checkpoint; the two do not
            belong together; or one would have to be trusted.
    """
    try:
        located = locate(spec, downloads)
        patch = patch_at(located.path)
        if patch is not None:
            folder = _over_base(spec, patch, digest, downloads)
        elif spec.base is not None:
            raise CheckpointError(
                f"{located.path} is neither a delta nor an adapter, so it has no base; remove "
                f"base={spec.base}"
            )
        else:
            trusted = spec.trust_remote_code
            folder = inspect_folder(located.path, digest, trust_remote_code=trusted)
    except OSError as error:
        raise CheckpointError(
            f"{error.filename or spec.source} cannot be read: {error.strerror or error}; run again "
            "when the checkpoint is complete"
        ) from error
    return replace(folder, remarks=(*located.remarks, *folder.remarks))


def _over_base(
    spec: CheckpointSpec, patch: Patch, digest: Callable[[Path], str], downloads: Path | None
) -> CheckpointFolder:
    content: _Content
    content = Delta.read(patch.path) if patch.kind == "delta" else Adapter.read(patch.path)
    path = find_base(spec, patch, content.said, downloads)
    before = signature(path, patch)
    base = inspect_folder(path, digest, trust_remote_code=spec.trust_remote_code)
    expected = content.said.fingerprint
    if expected and expected != base.fingerprint:
        raise CheckpointError(
            f"{patch.path} was made from a base with the fingerprint {expected[:40]!r}, but that "
            f"of {path} is {base.fingerprint!r}: another base, or the same in another layout (a "
            "snapshot in the hub's cache and a plain copy differ); give the one it was made from"
        )
    content.check(stored_tensors(read_headers(path)))
    note = passed_over(patch.folder, path)
    added = content.added.values()
    folder = replace(
        base,
        parameters=base.parameters + sum(tensor.values for tensor in added),
        bytes=base.bytes + sum(tensor.bytes for tensor in added),
        dtypes=tuple(sorted({*base.dtypes, *(tensor.dtype for tensor in added)})),
        fingerprint=patched_fingerprint(base.fingerprint, patch, digest),
        signature=before,
        remarks=(f"{content.what} over {path}", *((note,) if note else ()), *base.remarks),
        patch=patch,
    )
    folder.check_unchanged()
    return folder
