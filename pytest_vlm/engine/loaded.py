"""A model that was loaded, and what is to be known and done about its weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from pytest_vlm.engine.generation.prompting import Prompting
from pytest_vlm.engine.sharing.interning import TensorTable
from pytest_vlm.engine.sharing.written import WeightSample


class LoadedModel:
    """A model on its device, its weights shared with the other models of a table.

    Attributes:
        model: in evaluation mode.
        prompting: of its checkpoint.
        table: where it shares its weights.
        stop: texts by which its checkpoint says that an answer ends.
        events: what a reviewer should know of how it was loaded.
        offloaded: whether its weights stay in host memory while it computes elsewhere.
    """

    def __init__(
        self,
        *,
        model: Any,
        prompting: Prompting,
        table: TensorTable,
        stop: tuple[str, ...] = (),
        events: tuple[str, ...] = (),
    ) -> None:
        self.model = model
        self.prompting = prompting
        self.table = table
        self.stop = stop
        self.events = events
        self._sample = WeightSample(model)
        self.offloaded = False
        self._written: tuple[str, ...] = ()

    def written(self) -> Sequence[str]:
        """Names of weights that are no longer what was loaded; a sample of them is looked at."""
        return tuple(sorted({*self._written, *self._sample.differing()}))

    def move(self, device: str) -> None:
        """Take the weights to another device, where equal ones are shared again."""
        target = torch.empty(0, device=device).device
        left = {weight.device for weight in self.model.parameters()} - {target}
        if not left:
            return
        self._written = tuple(self.written())
        self._sample.let_go()
        self.table.settle(self.model, device)
        self._sample.look_at(self.model)
        if any(one.type == "cuda" for one in left):
            torch.cuda.empty_cache()

    def offload(self, device: str) -> None:
        """Leave the weights in host memory; each layer's are taken to the device for its turn."""
        from accelerate import cpu_offload

        self._written = tuple(self.written())
        self._sample.let_go()
        cpu_offload(self.model, execution_device=torch.device(device))
        self.offloaded = True
