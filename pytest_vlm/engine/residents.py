"""Loads the checkpoints of a run, so that what is equal in them is in memory once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple
from weakref import WeakValueDictionary

from pytest_vlm.checkpoint.fingerprint import content_files
from pytest_vlm.checkpoint.folder import CheckpointFolder
from pytest_vlm.checkpoint.patches.patch import Patch
from pytest_vlm.checkpoint.spec import CheckpointSpec
from pytest_vlm.engine.finite import check_finite
from pytest_vlm.engine.loaded import LoadedModel
from pytest_vlm.engine.loading import load_model, resting_device
from pytest_vlm.engine.local import LocalEngine
from pytest_vlm.engine.sharing.adapters import put_adapter
from pytest_vlm.engine.sharing.deltas import BaseWeights, put_delta, read_delta
from pytest_vlm.engine.sharing.interning import TensorTable
from pytest_vlm.engine.sharing.twins import twin
from pytest_vlm.engine.sharing.weights import weight_places
from pytest_vlm.settings import LoadSettings


class _Base(NamedTuple):
    """What a resident model was loaded from, and how; files that changed make another one."""

    folder: Path
    files: tuple[tuple[str, int, int, int], ...]
    load: LoadSettings
    trust_remote_code: bool


class LocalLoader:
    """Loads folders, deltas and adapters into this process.

    Equal weights are shared by all. A delta or an adapter is put into a twin of its base: the one
    that an engine holds, or one that is loaded for it and let go. The base itself is never changed.

    Args:
        find: what a checkpoint's files are, as `CheckpointCatalog.folder` says.
    """

    def __init__(self, find: Callable[[CheckpointSpec], CheckpointFolder]) -> None:
        self._find = find
        self._table = TensorTable()
        self._bases: WeakValueDictionary[_Base, LoadedModel] = WeakValueDictionary()

    def __call__(self, spec: CheckpointSpec) -> LocalEngine:
        """Load it, or what it has beyond what is there already.

        Raises:
            CheckpointError: weights that do not fit the configuration, or the base.
            EngineError: it could not be loaded for another reason.
        """
        folder = self._find(spec)
        if folder.patch is None:
            loaded = self._load(spec, folder.path)
        elif folder.patch.kind == "adapter":
            loaded = self._adapted(spec, folder.path, folder.patch)
        else:
            loaded = self._patched(spec, folder.path, folder.patch)
        return LocalEngine(spec, folder.path, loaded)

    def _load(self, spec: CheckpointSpec, folder: Path) -> LoadedModel:
        key = _base(spec, folder)
        loaded = load_model(spec, folder, self._table)
        self._bases[key] = loaded
        return loaded

    def _resident(self, spec: CheckpointSpec, folder: Path) -> LoadedModel:
        """The base: that of an engine, if its weights are what was loaded, or a new one."""
        base = self._bases.get(_base(spec, folder))
        usable = base is not None and not base.offloaded and not base.written()
        return base if base is not None and usable else self._load(spec, folder)

    def _adapted(self, spec: CheckpointSpec, folder: Path, patch: Patch) -> LoadedModel:
        base = self._resident(spec, folder)
        model = twin(base.model)
        known = {place.tensor.data_ptr() for place in weight_places(model)}
        put_adapter(model, patch.path)
        new = {place.name: place.tensor for place in weight_places(model)}
        who = f"{spec.name} ({patch.path})"
        check_finite(who, {n: t for n, t in new.items() if t.data_ptr() not in known})
        return self._placed(spec, base, model)

    def _patched(self, spec: CheckpointSpec, folder: Path, patch: Patch) -> LoadedModel:
        weights = BaseWeights(folder)
        delta = read_delta(patch.path, weights)
        base = self._resident(spec, folder)
        model = twin(base.model)
        new = put_delta(model, delta, weights, self._table)
        if new is None:
            return load_model(spec, folder, self._table, weights.under(delta))
        check_finite(f"{spec.name} ({patch.path})", new)
        return self._placed(spec, base, model)

    def _placed(self, spec: CheckpointSpec, base: LoadedModel, model: object) -> LoadedModel:
        """A twin, brought to its device: its base may have been offloaded meanwhile."""
        loaded = LoadedModel(
            model=model,
            prompting=base.prompting,
            table=self._table,
            stop=base.stop,
            events=base.events,
        )
        loaded.move(resting_device(spec.load))
        return loaded


def _base(spec: CheckpointSpec, folder: Path) -> _Base:
    stats = [(name, path.stat()) for name, path in content_files(folder)]
    files = tuple((name, stat.st_size, stat.st_mtime_ns, stat.st_ino) for name, stat in stats)
    return _Base(folder.resolve(), files, spec.load, spec.trust_remote_code)
