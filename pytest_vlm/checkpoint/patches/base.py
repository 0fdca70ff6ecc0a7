"""Which base a delta or an adapter is put over: as the command line says, or as its files do."""

from __future__ import annotations

from pathlib import Path

from pytest_vlm.checkpoint.patches.patch import ADAPTER, Patch, SaidBase, patch_at
from pytest_vlm.checkpoint.source import HUB_ID, locate
from pytest_vlm.checkpoint.spec import CheckpointSpec, split_revision
from pytest_vlm.errors import CheckpointError

LONGEST = 4096


def find_base(spec: CheckpointSpec, patch: Patch, said: SaidBase, downloads: Path | None) -> Path:
    """The base's folder; one on the hub is downloaded.

    Args:
        spec: of the patched checkpoint; its own ``?base=`` comes first.
        patch: that is to be put over the base.
        said: what its files say.
        downloads: where models of a registry are kept; None for a temporary folder.

    Raises:
        CheckpointError: nobody says which base, it is not there, it is no whole model, or its code
            would have to be trusted though nobody named it.
    """
    if spec.base is not None:
        source, revision = split_revision(spec.base)
        named = "?base="
    else:
        source, revision = _said(patch, said)
        named = "its own files"
        if spec.trust_remote_code:
            raise CheckpointError(
                f"{patch.path}: trust_remote_code=yes would run the code of a base that only the "
                f"{patch.kind}'s own files name, {source!r}. Read that code; if you trust it, add "
                f"base={source}"
            )
    base = CheckpointSpec(
        name="base",
        source=source,
        revision=revision,
        trust_remote_code=spec.trust_remote_code,
    )
    found = locate(base, downloads).path
    _check_whole(patch, found, named)
    return found


def _said(patch: Patch, said: SaidBase) -> tuple[str, str | None]:
    if not said.source:
        raise CheckpointError(
            f"{patch.path} is {patch}, and nothing says of which base; add it: "
            f'--checkpoint "B={patch.path}?base=path/to/base"'
        )
    if len(said.source) > LONGEST or not said.source.isprintable():
        raise CheckpointError(
            f"{patch.path} names the base {said.source[:100]!r}, which is no path; name it: "
            f'--checkpoint "B={patch.path}?base=path/to/base"'
        )
    for place in (patch.folder / Path(said.source).expanduser(), Path(said.source).expanduser()):
        if place.exists():
            return str(place.resolve()), None
        if place.is_symlink():
            return str(place), None
    if HUB_ID.fullmatch(said.source):
        return said.source, said.revision
    raise CheckpointError(
        f"{patch.path} is {patch} over {said.source!r}, which is neither a folder here nor a "
        f'hub id; say where it is: --checkpoint "B={patch.path}?base=path/to/base"'
    )


def _check_whole(patch: Patch, base: Path, named: str) -> None:
    if base.exists() and base.resolve() == patch.path.resolve():
        raise CheckpointError(
            f"{patch.path} is {patch} over itself, says {named}; name its base: "
            f'--checkpoint "B={patch.path}?base=path/to/base"'
        )
    if (base / ADAPTER).exists() or patch_at(base) is not None:
        raise CheckpointError(
            f"{base}, the base of {patch.path} according to {named}, is a delta or an adapter "
            "itself, and one is not put over another; give a whole model, such as the two merged"
        )
