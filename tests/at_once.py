"""Processes that do the same work in the same moment."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from multiprocessing.synchronize import Barrier
from pathlib import Path


def at_once(work: Callable[[Path, int, Barrier], None], path: Path, count: int) -> list[int | None]:
    """Exit codes; the work is given the path, its number, and a barrier to wait at."""
    forking = multiprocessing.get_context("fork")
    together = forking.Barrier(count)
    started = [forking.Process(target=work, args=(path, one, together)) for one in range(count)]
    for process in started:
        process.start()
    for process in started:
        process.join(60)
    return [process.exitcode for process in started]
