"""The kept libraries that some scores need; they come with the extra ``scores``."""

from __future__ import annotations

from pytest_vlm.errors import SettingsError
from pytest_vlm.versions import installed_version


def require(library: str, user: str) -> None:
    """Say what to install before a score needs it.

    Raises:
        SettingsError: the distribution is not installed.
    """
    if not installed_version(library):
        raise SettingsError(f"{user} needs {library}; run: pip install 'pytest-vlm[scores]'")
