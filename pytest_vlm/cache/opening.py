"""What a run keeps, and what it knows from earlier ones."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pytest_vlm.cache.digests import FileDigests
from pytest_vlm.cache.folder import default_folder
from pytest_vlm.cache.store import Cache
from pytest_vlm.checkpoint.fingerprint import file_digest
from pytest_vlm.evaluation.stores import MemoryStore, Store
from pytest_vlm.settings import Settings


@dataclass(frozen=True)
class Kept:
    """Answers, maps and scores; and the digests of files, as `file_digest` computes them."""

    store: Store
    digest: Callable[[Path], str]


def open_kept(settings: Settings, told: Callable[[str], None]) -> Kept:
    """As the settings ask for; nothing on the disk is touched yet."""
    if settings.no_cache:
        return Kept(MemoryStore(), file_digest)
    cache = Cache(settings.cache_dir or default_folder(os.environ), told=told)
    return Kept(cache, FileDigests(cache.database, file_digest).of)
