"""When the first token of a batch was there."""

from __future__ import annotations

import time
from typing import Any

import torch
from transformers import StoppingCriteria


class FirstToken(StoppingCriteria):
    """Never stops anything; notes the time when it is asked first, behind the first token."""

    def __init__(self) -> None:
        self.at: float | None = None

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor, **_: Any) -> torch.Tensor:
        """(rows,) False."""
        if self.at is None:
            input_ids[0, -1].item()  # waits for a device that computes behind our back
            self.at = time.perf_counter()
        return torch.zeros(len(input_ids), dtype=torch.bool, device=input_ids.device)
