"""Which large tensors are alive, told by shape, dtype and device."""

from __future__ import annotations

import gc
import sys
import weakref
from typing import Any

from pytest_vlm.memory.holders import find_holder
from pytest_vlm.memory.size import format_size

LARGE = 2**16
SHOWN = 3


class LargeTensors:
    """The tensors that are alive when it is made; later, those that came since.

    A tensor counts with the whole of its storage: a view of nine numbers keeps all of them. Where
    torch was not imported there are none.
    """

    def __init__(self) -> None:
        self._before = {id(tensor): weakref.ref(tensor) for tensor in _alive()}

    def new(self) -> dict[str, str]:
        """The largest few that were not there before, and what holds each; slow, for a failure."""
        found: dict[tuple[str, int], list[weakref.ref[Any]]] = {}
        for tensor in _alive():
            known = self._before.get(id(tensor))
            if known is None or known() is not tensor:
                where = (str(tensor.device), tensor.untyped_storage().data_ptr())
                found.setdefault(where, []).append(weakref.ref(tensor))
            del tensor
        largest = sorted(found.values(), key=lambda refs: -_size(refs[0]()))[:SHOWN]
        return dict(map(_named, largest))


def _named(views: list[weakref.ref[Any]]) -> tuple[str, str]:
    """The view of a storage that a name leads to, or the first; the base of a view has no name."""
    holders = [(ref, find_holder(ref)) for ref in views]
    ref, holder = next((pair for pair in holders if pair[1]), holders[0])
    tensor = ref()
    return f"a tensor of {_described(tensor)}, {format_size(_size(tensor))}", holder


def _alive() -> list[Any]:
    torch = sys.modules.get("torch")
    if torch is None:
        return []
    return [
        one
        for one in gc.get_objects()
        if issubclass(type(one), torch.Tensor) and _has_storage(one) and _size(one) >= LARGE
    ]


def _has_storage(tensor: Any) -> bool:
    """Not a sparse one, nor one that only stands for others, as inside of ``torch.vmap``."""
    if tensor.layout is not sys.modules["torch"].strided or tensor.device.type == "meta":
        return False
    try:
        tensor.untyped_storage()
    except RuntimeError:
        return False
    return True


def _size(tensor: Any) -> int:
    return int(tensor.untyped_storage().nbytes())


def _described(tensor: Any) -> str:
    shape = "\N{MULTIPLICATION SIGN}".join(map(str, tensor.shape)) or "one number"
    return f"{shape} {str(tensor.dtype).removeprefix('torch.')} on {tensor.device}"
