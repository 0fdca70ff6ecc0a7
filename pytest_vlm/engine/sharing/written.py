"""Did somebody write into weights that are shared? A sample of their bytes says so."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from pytest_vlm.engine.sharing.weights import Place, is_plain, weight_places

PIECE = 256  # bytes
PIECES = 64  # so that a look, one after every batch, costs a tenth of a millisecond

Bytes = np.ndarray[Any, np.dtype[np.uint8]]


class WeightSample:
    """A few bytes of every weight, as they were when it was taken: 16 KiB, or a piece a weight.

    A weight that was replaced or converted lies elsewhere than before, which is seen always. One
    that was written into in place is seen where the writing met a piece: an optimiser's step, a
    merged adapter and a fill do; a single changed row may not.

    Args:
        model: whose weights are sampled; they are kept alive until `let_go`.
    """

    def __init__(self, model: torch.nn.Module) -> None:
        self.look_at(model)
        self._then = self._now()

    def look_at(self, model: torch.nn.Module) -> None:
        """Look at the same places of a model whose weights were brought elsewhere."""
        self._places = [place for place in weight_places(model) if is_plain(place.tensor)]
        each = max(1, PIECES // max(1, len(self._places)))
        pieces = [_pieces(place.tensor, each) for place in self._places]
        self._counts = [sum(map(len, some)) for some in pieces]
        self._pieces = [piece for some in pieces for piece in some]
        self._plain = all(isinstance(piece, np.ndarray) for piece in self._pieces)
        self._addresses = [place.tensor.data_ptr() for place in self._places]

    def let_go(self) -> None:
        """Hold no weight any more; what they were is still known."""
        self._places, self._counts, self._pieces, self._addresses = [], [], [], []
        self._plain = True

    def differing(self) -> tuple[str, ...]:
        """Names of the weights that are no longer what they were."""
        moved = {
            place.name
            for place, address in zip(self._places, self._addresses, strict=True)
            if _address(place) != address
        }
        now = self._now()
        if not moved and np.array_equal(now, self._then):
            return ()
        start = 0
        for place, count in zip(self._places, self._counts, strict=True):
            end = start + count
            if not np.array_equal(now[start:end], self._then[start:end]):
                moved.add(place.name)
            start = end
        return tuple(sorted(moved))

    def _now(self) -> Bytes:
        if self._plain:  # torch would wake its threads, which takes longer than the look
            return np.concatenate([np.empty(0, np.uint8), *self._pieces])
        sampled: Bytes = torch.cat(self._pieces).cpu().numpy()
        return sampled


def _address(place: Place) -> int | None:
    tensor = place.holder.get(place.key)
    return None if tensor is None else tensor.data_ptr()


def _pieces(tensor: torch.Tensor, count: int) -> list[Any]:
    """At most `count` pieces, evenly over a tensor's bytes; all of a small one."""
    flat: Any = tensor.detach().as_strided((tensor.numel(),), (1,)).view(torch.uint8)
    if tensor.device.type == "cpu":
        flat = flat.numpy()
    size = len(flat)
    if size <= count * PIECE:
        return [flat]
    step = size // count
    middle = (step - PIECE) // 2
    return [flat[start : start + PIECE] for start in range(middle, step * count, step)]
