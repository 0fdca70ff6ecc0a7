"""The tensors of a model that are its checkpoint's: parameters, and buffers that are saved."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch


@dataclass(frozen=True, slots=True)
class Place:
    """Where a module keeps a tensor.

    Attributes:
        name: as in the model's state dict.
        holder: the module's own table of tensors.
        key: in that table.
    """

    name: str
    holder: dict[str, torch.Tensor | None]
    key: str

    @property
    def tensor(self) -> torch.Tensor:
        """What lies there now."""
        tensor = self.holder[self.key]
        assert tensor is not None, f"{self.name} was taken away"
        return tensor


def weight_places(model: torch.nn.Module) -> Iterator[Place]:
    """Every place of a weight; tied ones have several."""
    for prefix, module in model.named_modules():
        own = module._non_persistent_buffers_set
        for holder in (module._parameters, module._buffers):
            for key, tensor in holder.items():
                if tensor is not None and key not in own:
                    name = f"{prefix}.{key}" if prefix else key
                    yield Place(name, holder, key)


def is_plain(tensor: torch.Tensor) -> bool:
    """Whether its bytes, dtype and shape are all there is to it.

    Quantised weights that are a class of their own (bitsandbytes, torchao) hold more beside.
    """
    return (
        type(tensor) in (torch.Tensor, torch.nn.Parameter)
        and tensor.layout is torch.strided
        and not (tensor.is_quantized or tensor.is_conj() or tensor.is_neg() or tensor.is_meta)
        and tensor.numel() > 0
    )


def storage_sizes(model: torch.nn.Module) -> dict[tuple[str, int], int]:
    """Bytes of each piece of memory under a model, by device and address."""
    sizes = {}
    for tensor in (*model.parameters(), *model.buffers()):
        for part in _parts(tensor):
            storage = part.untyped_storage()
            if storage.nbytes():
                sizes[str(part.device), storage.data_ptr()] = storage.nbytes()
    return sizes


def _parts(tensor: torch.Tensor) -> Iterator[torch.Tensor]:
    """The tensors that a tensor of a class of its own is made of; else itself."""
    flatten = getattr(tensor, "__tensor_flatten__", None)
    if flatten is None:
        yield tensor
        return
    for name in flatten()[0]:
        yield from _parts(getattr(tensor, name))
