"""What a run keeps, and what it knows from earlier ones."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from pytest_vlm.cache.digests import FileDigests
from pytest_vlm.cache.folder import default_folder
from pytest_vlm.cache.store import Cache
from pytest_vlm.checkpoint.fingerprint import file_digest
from pytest_vlm.evaluation.stores import MemoryStore, Store
from pytest_vlm.protocols import Progress
from pytest_vlm.settings import Settings

MIB = 2**20
LONG = 256 * MIB  # a file that takes a moment to read


@dataclass(frozen=True)
class Kept:
    """Answers, maps and scores; and the digests of files, as `file_digest` computes them."""

    store: Store
    digest: Callable[[Path], str]


def open_kept(settings: Settings, told: Callable[[str], None], progress: Progress) -> Kept:
    """As the settings ask for; nothing on the disk is touched yet.

    Args:
        settings: of the run.
        told: what a user should know of the cache.
        progress: told how much of a large file was read.
    """
    compute = partial(digest_with_progress, progress)
    if settings.no_cache:
        return Kept(MemoryStore(), compute)
    cache = Cache(settings.cache_dir or default_folder(os.environ), told=told)
    return Kept(cache, FileDigests(cache.database, compute).of)


def digest_with_progress(progress: Progress, path: Path) -> str:
    """The digest of a file; of a large one it is told how far it is.

    Raises:
        OSError: it cannot be read.
    """
    total = path.stat().st_size
    if total < LONG:
        return file_digest(path)
    done = shown = 0

    def count(size: int) -> None:
        nonlocal done, shown
        done += size
        if done - shown >= total // 100 and done < total:
            shown = done
            tell(done)

    def tell(size: int) -> None:
        progress(f"reading {path.name}", size // MIB, total // MIB, unit="MiB")

    tell(0)
    try:
        return file_digest(path, count)
    finally:
        tell(total)
