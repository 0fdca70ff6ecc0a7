"""Answers, maps and scores that outlive a run: SQLite, and the arrays of maps beside it."""

from pytest_vlm.cache.folder import default_folder
from pytest_vlm.cache.store import Cache

__all__ = ["Cache", "default_folder"]
