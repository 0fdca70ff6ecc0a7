"""Whose answers the checkpoints of a run give, and where they are kept."""

from __future__ import annotations

from collections.abc import Callable

from pytest_vlm.checkpoint.catalog import CheckpointCatalog
from pytest_vlm.checkpoint.device import device_name
from pytest_vlm.checkpoint.spec import CheckpointSpec
from pytest_vlm.evaluation.keys import checkpoint_key
from pytest_vlm.evaluation.stores import Identity, MemoryStore, Store
from pytest_vlm.settings import Settings

SERVER = "server"


class Identities:
    """Looks each checkpoint up once.

    Args:
        settings: of the run.
        catalog: knows the fingerprints of folders.
        fingerprint: of a checkpoint that is no folder; None, or giving None, where its engine
            cannot say, so that its answers are forgotten with the run.
        keep: what outlives the run.
    """

    def __init__(
        self,
        *,
        settings: Settings,
        catalog: CheckpointCatalog,
        fingerprint: Callable[[CheckpointSpec], str | None] | None,
        keep: Store,
    ) -> None:
        self._settings = settings
        self._catalog = catalog
        self._fingerprint = fingerprint
        self._keep = keep
        self._known: dict[CheckpointSpec, Identity] = {}

    def of(self, spec: CheckpointSpec) -> Identity:
        """The identity of a checkpoint.

        Raises:
            CheckpointError: it is missing, incomplete or none.
        """
        if spec not in self._known:
            self._known[spec] = self._find(spec)
        return self._known[spec]

    def _find(self, spec: CheckpointSpec) -> Identity:
        if self._settings.engine == "local" and not spec.on_server:
            folder = self._catalog.folder(spec)
            trusted = "+code" if spec.trust_remote_code else ""
            return self._identity(
                spec, f"{folder.fingerprint}{trusted}", self._keep, folder.check_unchanged
            )
        fingerprint = self._fingerprint(spec) if self._fingerprint is not None else None
        if fingerprint is None:
            return self._identity(spec, spec.name, MemoryStore(), _nothing)
        return self._identity(spec, fingerprint, self._keep, _nothing)

    def _identity(
        self, spec: CheckpointSpec, fingerprint: str, store: Store, check: Callable[[], None]
    ) -> Identity:
        key = checkpoint_key(
            engine=SERVER if spec.on_server else self._settings.engine,
            fingerprint=fingerprint,
            load=spec.load,
            generation=self._settings.generation,
            device=SERVER if spec.on_server else device_name(spec.load.device),
        )
        return Identity(
            spec=spec, key=key, fingerprint=fingerprint, store=store, check_unchanged=check
        )


def _nothing() -> None:
    pass
