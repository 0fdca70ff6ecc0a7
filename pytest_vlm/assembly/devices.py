"""Which device a checkpoint runs on, and how the memory of that device is measured."""

from __future__ import annotations

from pytest_vlm.checkpoint.catalog import CheckpointCatalog
from pytest_vlm.checkpoint.device import accelerator
from pytest_vlm.checkpoint.spec import CheckpointSpec
from pytest_vlm.memory.meters import meter_for
from pytest_vlm.protocols import Meter


class Devices:
    """The devices of a run's checkpoints.

    Args:
        local: whether checkpoints are loaded into this process by the engine ``local``.
        catalog: knows their folders.
    """

    def __init__(self, *, local: bool, catalog: CheckpointCatalog) -> None:
        self._local = local
        self._catalog = catalog
        self._meters: dict[str, Meter | None] = {}

    def of(self, spec: CheckpointSpec) -> str:
        """``cpu``, ``cuda``, ``cuda:1``, ...; ``server`` where none of this machine's computes."""
        if spec.on_server:
            return "server"
        if self._local:
            from pytest_vlm.engine.loading import choose_device

            return accelerator(choose_device(spec.load))
        return "cpu" if spec.load.device == "auto" else spec.load.device

    def meter(self, spec: CheckpointSpec) -> Meter | None:
        """Measures a checkpoint's device; libraries that it needs are imported before."""
        if spec.on_server:
            return None
        if self._local:
            from pytest_vlm.engine.loading import import_architecture

            import_architecture(self._catalog.folder(spec).path)
        device = self.of(spec)
        if device not in self._meters:
            self._meters[device] = meter_for(device)
        return self._meters[device]
