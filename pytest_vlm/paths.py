"""Paths as people read and type them."""

from __future__ import annotations

from pathlib import Path


def readable(path: Path) -> str:
    """Relative to the current folder where it lies inside it, else as it is."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)
