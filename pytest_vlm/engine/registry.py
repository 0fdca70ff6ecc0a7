"""Engines by name: built in, given by the caller, or installed by another package."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import cast

from pytest_vlm.checkpoint.spec import CheckpointSpec
from pytest_vlm.errors import CheckpointError, EngineError, SettingsError
from pytest_vlm.protocols import Engine, FingerprintedLoader, Loader

GROUP = "pytest_vlm.loaders"
SERVER = "server"
BUILT_IN = ("local", "fake", SERVER)
ENGINE = ("device", "no_relevance", "predict", "relevance", "close")


@dataclass(frozen=True)
class Dispatch:
    """The loader of a run: an address is the server's, whatever the engine of the others is."""

    others: Loader
    find_server: Callable[[], Loader]

    def __call__(self, spec: CheckpointSpec) -> Engine:
        """Load it.

        Raises:
            EngineError: what the loader gave is no engine.
        """
        engine = self._loader(spec)(spec)
        lacking = [name for name in ENGINE if not hasattr(engine, name)]
        if lacking:
            raise EngineError(
                f"{spec}: its loader gave a {type(engine).__name__} without {', '.join(lacking)}; "
                "an engine has all that pytest_vlm.protocols.Engine names"
            )
        return engine

    def fingerprint(self, spec: CheckpointSpec) -> str | None:
        """As the checkpoint's own loader tells it; None where it cannot.

        Raises:
            CheckpointError: there is no such checkpoint.
            EngineError: what the loader gave is no digest.
        """
        loader = self._loader(spec)
        found = loader.fingerprint(spec) if isinstance(loader, FingerprintedLoader) else None
        if found is None or (isinstance(found, str) and found):
            return found
        raise EngineError(
            f"{spec}: its loader gave the fingerprint {found!r}; it has to be a text that changes "
            "with everything that changes an answer"
        )

    def _loader(self, spec: CheckpointSpec) -> Loader:
        return self._server if spec.on_server else self.others

    @cached_property
    def _server(self) -> Loader:
        return self.find_server()


def find_loader(name: str, given: Mapping[str, Loader]) -> Dispatch:
    """The loader of an engine: one that was given, built in, or an entry point of the group.

    Raises:
        SettingsError: nobody knows the name, or two packages brought an engine of that name.
    """
    return Dispatch(_named(name, given), lambda: _named(SERVER, given))


def _named(name: str, given: Mapping[str, Loader]) -> Loader:
    known: dict[str, Loader] = {"fake": _FakeLoader(), SERVER: _load_server, **given}
    if name in known:
        return known[name]
    installed = entry_points(group=GROUP)
    found = {(_owner(entry), entry.value): entry for entry in installed if entry.name == name}
    if len(found) > 1:
        said = " and ".join(f"{owner} ({value})" for owner, value in sorted(found))
        raise SettingsError(
            f"the engine {name!r} is installed by {said}; uninstall one, or give the one that you "
            "mean in pytest_vlm_loaders of a conftest"
        )
    for entry in found.values():
        return _load_installed(entry)
    names = ", ".join(sorted({*known, *(entry.name for entry in installed)}))
    raise SettingsError(f"unknown engine {name!r}; known are {names}")


def _load_installed(entry: EntryPoint) -> Loader:
    owner = _owner(entry)
    try:
        loader = entry.load()
    except Exception as error:  # whatever its module does when it is imported
        said = str(error) or type(error).__name__
        raise SettingsError(
            f"the engine {entry.name!r} of {owner} ({entry.value}) cannot be loaded: {said}; "
            f"install {owner} with what it needs"
        ) from error
    if not callable(loader):
        raise SettingsError(
            f"the engine {entry.name!r} of {owner} ({entry.value}) is {type(loader).__name__}; it "
            "has to be a callable that takes a CheckpointSpec and gives an Engine"
        )
    return cast(Loader, loader)


def _owner(entry: EntryPoint) -> str:
    return entry.dist.name if entry.dist else "another package"


def _load_server(spec: CheckpointSpec) -> Engine:
    from pytest_vlm.engine.server.engine import load_server

    return load_server(spec)


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
