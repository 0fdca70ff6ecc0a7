"""Putting a delta into a twin: its tensors replace those of the same name in the base's files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import load_file

from pytest_vlm.checkpoint.files.reading import read_json
from pytest_vlm.checkpoint.files.weights import (
    INDEX,
    LARGEST_INDEX,
    WEIGHTS,
    read_headers,
    stored_tensors,
)
from pytest_vlm.checkpoint.patches.delta import Delta
from pytest_vlm.engine.sharing.interning import TensorTable
from pytest_vlm.engine.sharing.weights import Place, is_plain, weight_places
from pytest_vlm.errors import CheckpointError


class BaseWeights:
    """The tensors in a base folder's files, each read when it is asked for.

    Raises:
        CheckpointError: the files are damaged or incomplete.
    """

    def __init__(self, folder: Path) -> None:
        self.stored = stored_tensors(read_headers(folder))
        self._files = dict.fromkeys(self.stored, folder / WEIGHTS)
        if (folder / INDEX).exists():
            shards = read_json(folder / INDEX, largest=LARGEST_INDEX)["weight_map"]
            self._files = {name: folder / file for name, file in shards.items()}
        self._open: dict[Path, Any] = {}

    def read(self, name: str) -> torch.Tensor:
        """One tensor; it lies in the mapped file."""
        file = self._files[name]
        if file not in self._open:
            self._open[file] = safe_open(file, framework="pt")
        tensor: torch.Tensor = self._open[file].get_tensor(name)
        return tensor

    def under(self, delta: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """Every tensor, the delta's in place of those of the same name."""
        return {name: delta[name] if name in delta else self.read(name) for name in self._files}


def read_delta(path: Path, base: BaseWeights) -> dict[str, torch.Tensor]:
    """The tensors of a delta's file; nothing of it is run.

    Raises:
        CheckpointError: it holds anything but tensors, or one that the base has not, or has in
            another shape or dtype.
    """
    declared = Delta.read(path)
    declared.check(base.stored)
    if path.suffix == ".safetensors":
        tensors = load_file(path)
    else:
        tensors = torch.load(path, weights_only=True, map_location="cpu")
    if tensors.keys() != declared.tensors.keys():
        raise CheckpointError(
            f"{path} was changed while it was read; run again when it is complete"
        )
    return dict(tensors)


def put_delta(
    model: Any, delta: Mapping[str, torch.Tensor], base: BaseWeights, table: TensorTable
) -> dict[str, torch.Tensor] | None:
    """Put a delta into a twin of the base, if it is certain where each tensor belongs.

    The names are those of the files, which transformers renames on loading. Its renaming is
    believed where the base's own tensor of that name is what lies there.

    Returns:
        The tensors that are new to the process, by the model's names; or None, and nothing done,
        where tensors are merged, tied or packed on loading.
    """
    places: dict[str, Place] = {}
    ties: dict[int, int] = {}
    for place in weight_places(model):
        places[place.name] = place
        ties[id(place.tensor)] = ties.get(id(place.tensor), 0) + 1
    found: dict[str, Place] = {}
    for name, own in _model_names(model, delta, places).items():
        if own not in places or places[own] in found.values():
            return None
        weight = places[own].tensor
        if ties[id(weight)] > 1 or not is_plain(weight) or weight.shape != delta[name].shape:
            return None
        if not torch.equal(base.read(name).to(weight.dtype), weight.detach().cpu()):
            return None
        found[name] = places[own]
    return {
        place.name: tensor
        for name, place in found.items()
        for tensor, is_new in [_replace(place, delta[name], table)]
        if is_new
    }


def _replace(place: Place, tensor: torch.Tensor, table: TensorTable) -> tuple[torch.Tensor, bool]:
    before = place.tensor
    after, is_new = table.intern(tensor.to(before.dtype), before.device)
    if isinstance(before, torch.nn.Parameter):
        place.holder[place.key] = torch.nn.Parameter(after, requires_grad=False)
    else:
        place.holder[place.key] = after
    return after, is_new


def _model_names(
    model: Any, names: Mapping[str, object], weights: Mapping[str, object]
) -> dict[str, str]:
    """File name to the model's, by the function with which transformers loads.

    It is an inner one, which may change: `put_delta` looks whether it was right.
    """
    try:
        from transformers.conversion_mapping import get_model_conversion_mapping
        from transformers.core_model_loading import WeightRenaming, rename_source_key

        transforms = get_model_conversion_mapping(model)
        renamings = [one for one in transforms if isinstance(one, WeightRenaming)]
        prefix, known = model.base_model_prefix, dict(weights)
        renamed = {name: rename_source_key(name, renamings, [], prefix, known)[0] for name in names}
    except (ImportError, TypeError, AttributeError, ValueError):
        return {name: name for name in names}
    return {
        name: name if own not in weights and name in weights else own
        for name, own in renamed.items()
    }
