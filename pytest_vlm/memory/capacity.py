"""A larger card that gives no more than a budget: the capacity of a smaller one, not its speed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pytest_vlm.memory.size import format_size


class Capacity:
    """Holds torch's allocator to a budget on each CUDA device that is used, and lets go in the end.

    The allocator then raises a genuine ``torch.OutOfMemoryError`` above the budget; what is free on
    the card is still told as it is.

    Args:
        budget: bytes; None holds nothing.
        tell: told once a device that its capacity is emulated.
    """

    def __init__(self, budget: int | None, tell: Callable[[str], None]) -> None:
        self._budget = budget
        self._tell = tell
        self._fractions: dict[str, float] = {}

    def hold(self, device: str) -> None:
        """Hold a device to the budget, before anything is loaded there.

        Does nothing without a budget, for other devices than CUDA's, for a card that has no more
        than the budget, and the second time.
        """
        if self._budget is None or not device.startswith("cuda"):
            return
        cuda = _cuda()
        if not cuda.is_available():
            return
        card = str(cuda.current_device()) if device == "cuda" else device.partition(":")[2]
        if card in self._fractions:
            return
        total = cuda.get_device_properties(int(card)).total_memory
        if self._budget >= total:
            return
        self._fractions[card] = _fraction(cuda, int(card))
        cuda.set_per_process_memory_fraction(self._budget / total, int(card))
        self._tell(
            f"the budget emulates {format_size(self._budget)} of capacity on "
            f"{cuda.get_device_name(int(card))} ({format_size(total)}), not its kernels or speed"
        )

    def restore(self) -> None:
        """Give each device back what it gave before."""
        while self._fractions:
            card, fraction = self._fractions.popitem()
            _cuda().set_per_process_memory_fraction(fraction, int(card))


def _fraction(cuda: Any, card: int) -> float:
    """What is allowed now; torch tells since 2.8, and before that nothing else could be known."""
    told = getattr(cuda, "get_per_process_memory_fraction", None)
    return 1.0 if told is None else float(told(card))


def _cuda() -> Any:
    import torch

    return torch.cuda
