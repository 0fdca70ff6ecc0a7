"""Which versions of libraries are installed: answers, scores, goldens and reports name theirs."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version


def installed_version(library: str) -> str:
    """Of a distribution; empty where it is not installed."""
    try:
        return version(library)
    except PackageNotFoundError:
        return ""


def installed_versions(libraries: Iterable[str]) -> dict[str, str]:
    """By distribution, of those that are installed."""
    return {name: found for name in libraries if (found := installed_version(name))}
