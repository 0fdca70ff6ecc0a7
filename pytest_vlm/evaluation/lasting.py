"""Making very many values that all stay."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def lasting_values() -> Iterator[None]:
    """Pause the garbage collection: it would look through the values again and again, in vain.

    What was made counts as old afterwards, so that only a full collection looks at it.
    """
    paused = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if not gc.get_freeze_count():  # what somebody else froze stays frozen
            gc.freeze()
            gc.unfreeze()
        if paused:
            gc.enable()
