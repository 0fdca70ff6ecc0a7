"""Where the cache lies, unless somebody says otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path


def default_folder(environ: Mapping[str, str]) -> Path:
    """``$XDG_CACHE_HOME/pytest-vlm``, or ``~/.cache/pytest-vlm`` where that is not absolute."""
    given = Path(environ.get("XDG_CACHE_HOME", ""))
    home = given if given.is_absolute() else Path.home() / ".cache"
    return home / "pytest-vlm"
