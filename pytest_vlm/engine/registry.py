"""Engines by name: built in, given by the caller, or installed by another package."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from importlib.metadata import entry_points
from pathlib import Path

from pytest_vlm.checkpoint.spec import CheckpointSpec
from pytest_vlm.errors import CheckpointError, SettingsError
from pytest_vlm.protocols import Engine, Loader

GROUP = "pytest_vlm.loaders"


def find_loader(name: str, given: Mapping[str, Loader]) -> Loader:
    """The loader of an engine: one that was given, ``fake``, or an entry point of the group.

    Raises:
        SettingsError: nobody knows the name.
    """
    known: dict[str, Loader] = {"fake": _FakeLoader(), **given}
    installed = {entry.name: entry for entry in entry_points(group=GROUP)}
    if name in known:
        return known[name]
    if name in installed:
        loader: Loader = installed[name].load()
        return loader
    names = ", ".join(sorted({*known, *installed}))
    raise SettingsError(f"unknown engine {name!r}; known are {names}")


class _FakeLoader:
    def __call__(self, spec: CheckpointSpec) -> Engine:
        from pytest_vlm.engine.fake import load_fake

        return load_fake(spec)

    def fingerprint(self, spec: CheckpointSpec) -> str:
        try:
            script = Path(spec.source).read_bytes()
        except OSError as error:
            raise CheckpointError(f"cannot read {spec.source}: {error.strerror}") from error
        return hashlib.blake2b(script, digest_size=16).hexdigest()
