"""Lets go of what a failed attempt holds: frames with their tensors, and what allocators keep."""

from __future__ import annotations

import gc
import sys
import traceback
from collections.abc import Iterator


def clear_frames(error: BaseException) -> None:
    """Clear the frames that its traceback holds: their tensors are freed, its message stays.

    Frames that are still running keep theirs, so this belongs behind the ``except`` block, in the
    function that called all the others.
    """
    for one in _chain(error):
        traceback.clear_frames(one.__traceback__)
        one.__traceback__ = None


def empty_cache(device: str) -> None:
    """Collect garbage, and give back what the device's allocator keeps for later.

    Without torch no device keeps anything.
    """
    gc.collect()
    torch = sys.modules.get("torch")
    kind = device.partition(":")[0]
    if torch is None or kind not in ("cuda", "xpu", "mps"):
        return
    library = getattr(torch, kind)
    if library.is_available():
        library.empty_cache()


def _chain(error: BaseException) -> Iterator[BaseException]:
    """It, and everything that was being handled when it was raised."""
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        one = waiting.pop()
        if one is not None and id(one) not in seen:
            seen.add(id(one))
            yield one
            waiting += [one.__cause__, one.__context__]
