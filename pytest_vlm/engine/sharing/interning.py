"""Equal weights of several models lie in memory once.

A weight is known by device, dtype, shape, strides (which choose the kernel, and so the last bits of
an answer) and the xxh3-128 of its bytes. What is shared is the storage: each model keeps Parameter
objects of its own, so that converting one model converts no other.
"""

from __future__ import annotations

from typing import NamedTuple
from weakref import WeakValueDictionary

import torch
from xxhash import xxh3_128_digest

from pytest_vlm.engine.sharing.weights import is_plain, weight_places


class Key(NamedTuple):
    """What tells one resident tensor from another."""

    device: torch.device
    dtype: torch.dtype
    shape: tuple[int, ...]
    stride: tuple[int, ...]
    digest: bytes


class TensorTable:
    """The weights that models of this process hold; a storage is forgotten with its last tensor."""

    def __init__(self) -> None:
        self._resident: WeakValueDictionary[Key, torch.UntypedStorage] = WeakValueDictionary()

    def __len__(self) -> int:
        return len(self._resident)

    def settle(self, model: torch.nn.Module, device: str) -> dict[str, torch.Tensor]:
        """Bring a model's weights to a device, sharing what equal ones lie there already.

        Nothing of the model lies in a mapped file afterwards: one that is overwritten would change
        the live weights. One weight is taken after the other, so that no more than one lies in
        memory twice.

        Returns:
            The weights that are new there, by name.
        """
        target = torch.empty(0, device=device).device
        new: dict[str, torch.Tensor] = {}
        settled: dict[object, torch.Tensor] = {}
        seen: set[int] = set()
        for place in weight_places(model):
            weight = place.tensor
            if id(weight) in seen:
                continue
            seen.add(id(weight))
            if not is_plain(weight):
                if weight.device == target and not weight.is_meta:
                    weight.data = weight.data.clone()
                continue
            view = (weight.device, weight.data_ptr(), weight.dtype, weight.shape, weight.stride())
            if view not in settled:
                settled[view], is_new = self.intern(weight.detach(), target)
                if is_new:
                    new[place.name] = settled[view]
            weight.data = settled[view]
        if any(tensor.device != target for tensor in (*model.parameters(), *model.buffers())):
            model.to(target)
        return new

    def intern(self, tensor: torch.Tensor, device: torch.device) -> tuple[torch.Tensor, bool]:
        """The equal tensor that lies there already, or a copy; and whether it is a copy."""
        if not _in_memory_order(tensor).is_contiguous():  # a view with gaps
            tensor = tensor.contiguous()
        key = Key(device, tensor.dtype, tuple(tensor.shape), tensor.stride(), _digest(tensor))
        storage = self._resident.get(key)
        if storage is not None:
            resident = torch.empty(0, dtype=tensor.dtype, device=device)
            resident.set_(storage, 0, tensor.shape, tensor.stride())
            if _digest(resident) == key.digest:  # nobody wrote into it
                return resident, False
        own = tensor.clone() if tensor.device == device else tensor.to(device)
        self._resident[key] = own.untyped_storage()
        return own, True


def _in_memory_order(tensor: torch.Tensor) -> torch.Tensor:
    """The tensor with its axes sorted as its values lie in memory."""
    strides = tensor.stride()
    return tensor.permute(sorted(range(tensor.dim()), key=lambda axis: -strides[axis]))


def _digest(tensor: torch.Tensor) -> bytes:
    values = _in_memory_order(tensor).reshape(-1).view(torch.uint8)
    return bytes(xxh3_128_digest(values.cpu().numpy().data))
