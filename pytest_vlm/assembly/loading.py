"""How a run's checkpoints get into memory: where to, how much of it they need, who makes room."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import cache

from pytest_vlm.assembly.devices import Devices
from pytest_vlm.checkpoint.catalog import CheckpointCatalog
from pytest_vlm.checkpoint.needs import find_need, find_shared
from pytest_vlm.checkpoint.pool.pool import EnginePool
from pytest_vlm.checkpoint.spec import CheckpointSpec
from pytest_vlm.evaluation.batch_plan import Prompt, longest_prompt
from pytest_vlm.evaluation.dataset import Dataset
from pytest_vlm.memory.available import available
from pytest_vlm.memory.capacity import Capacity
from pytest_vlm.memory.estimate import Estimate
from pytest_vlm.protocols import Engine, Loader
from pytest_vlm.settings import Settings

SHARE = 0.9  # of what is free on a device: libraries and other processes want some as well
HOST_SHARE = 0.5


class Needs:
    """What the checkpoints of a run need of their devices, as far as their files tell.

    Args:
        settings: of the run.
        catalog: knows the files.
        dataset: gives the run's dataset, or None without one.
    """

    def __init__(
        self,
        settings: Settings,
        catalog: CheckpointCatalog,
        dataset: Callable[[], Dataset | None],
    ) -> None:
        self._generation = settings.generation
        self._catalog = catalog
        self._dataset = dataset
        self._prompt = cache(self._longest)
        self.of = cache(self._find)

    def parts(self, spec: CheckpointSpec) -> dict[str, int]:
        """What answering takes beside the weights, in bytes by what it is."""
        need = self.of(spec)
        known = {} if need is None else {"KV cache": need.cache, "activations": need.activations}
        return {name: size for name, size in known.items() if size}

    def shared(self, spec: CheckpointSpec, other: CheckpointSpec) -> int:
        """Bytes of the first one's weights that lie in the second one's where that is loaded."""
        if not self._catalog.has_folder(spec) or not self._catalog.has_folder(other):
            return 0
        folder, beside = self._catalog.folder(spec), self._catalog.folder(other)
        return find_shared(spec, folder, other, beside)

    def _find(self, spec: CheckpointSpec) -> Estimate | None:
        if not self._catalog.has_folder(spec):
            return None
        return find_need(spec, self._catalog.folder(spec), self._generation, self._prompt())

    def _longest(self) -> Prompt | None:
        dataset = self._dataset()
        return None if dataset is None else longest_prompt(dataset)


def open_pool(
    settings: Settings,
    *,
    loader: Loader,
    devices: Devices,
    needs: Needs,
    capacity: Capacity,
    told: Callable[[CheckpointSpec, str], None],
    starts: Callable[[CheckpointSpec], object],
) -> EnginePool:
    """The pool of a run.

    Without a budget of its own a device gives most of what is free there at the first load, and an
    estimate of what answering takes refuses nobody: where it is wrong, the ladder helps.

    Args:
        settings: of the run.
        loader: loads one checkpoint.
        devices: where it goes.
        needs: what it needs there.
        capacity: holds a larger card to the budget.
        told: what became of a checkpoint.
        starts: told that one is about to be loaded.
    """

    def load(spec: CheckpointSpec) -> Engine:
        capacity.hold(devices.of(spec))
        starts(spec)
        return loader(spec)

    @cache
    def budget(device: str) -> int | None:
        if settings.memory_budget is not None or settings.engine != "local":
            return settings.memory_budget
        free = available(device)
        return None if free is None else int(SHARE * free)

    return EnginePool(
        load,
        settings.max_loaded or sys.maxsize,
        budget=budget,
        firm=settings.memory_budget is not None,
        device=devices.of,
        estimate=needs.of,
        shared=needs.shared,
        host_room=lambda: int(HOST_SHARE * (available("cpu") or 0)),
        told=told,
    )
