"""Making very many values that all stay."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

MANY = 20_000


@contextmanager
def lasting_values() -> Iterator[None]:
    """Pause the garbage collection: it would look through the values again and again, in vain.

    Where it was many, they count as old afterwards, so that only a full collection looks at them.
    """
    paused = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        # What somebody else froze stays frozen. It is counted one by one, hence only for many.
        if gc.get_count()[0] > MANY and not gc.get_freeze_count():
            gc.freeze()
            gc.unfreeze()
        if paused:
            gc.enable()
