"""A second model over the same weights, to which something can be done."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import torch

from pytest_vlm.engine.sharing.weights import is_plain, weight_places


def twin(model: Any) -> Any:
    """A copy of a model's modules and configuration, with the model's own weights in it.

    Parameters and modules are objects of their own: replacing one, or putting layers around it,
    leaves the original as it is. Buffers that are not saved are copied, since a forward pass may
    write them.
    """
    shared: dict[int, Any] = {}
    for place in weight_places(model):
        weight = place.tensor
        if is_plain(weight) and id(weight) not in shared:
            same: torch.Tensor = weight.detach()
            if isinstance(weight, torch.nn.Parameter):
                same = torch.nn.Parameter(same, requires_grad=False)
            shared[id(weight)] = same
    # Of each module's dozen tables most are empty; deepcopy would take three times as long.
    tables = (value for module in model.modules() for value in vars(module).values())
    shared |= {id(table): table.copy() for table in tables if isinstance(table, dict) and not table}
    return deepcopy(model, shared)
