"""The hook that a conftest or another plugin may implement."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import pytest

from pytest_vlm.errors import SettingsError

if TYPE_CHECKING:
    from pytest_vlm.protocols import Loader


@pytest.hookspec
def pytest_vlm_loaders(config: pytest.Config) -> Mapping[str, Loader] | None:
    """Engines of your own: a name for ``--vlm-engine`` to what loads a checkpoint for it.

    Called once, when the run begins. Mark the implementation
    ``@pytest.hookimpl(optionalhook=True)``, so that a run without pytest-vlm goes on. A name that
    is built in, or an entry point of ``pytest_vlm.loaders``, is replaced.
    """


def given_loaders(config: pytest.Config) -> dict[str, Loader]:
    """Of every implementation.

    Raises:
        SettingsError: two of them give one name, or something else than a mapping to callables; or
            one of them cannot import what it gives.
    """
    found: dict[str, Loader] = {}
    try:
        every = config.hook.pytest_vlm_loaders(config=config)
    except ImportError as error:
        raise SettingsError(f"pytest_vlm_loaders cannot import its engine: {error}") from error
    for given in every:
        if not isinstance(given, Mapping) or not all(
            isinstance(name, str) and callable(loader) for name, loader in given.items()
        ):
            raise SettingsError(
                "pytest_vlm_loaders gives engine names with callables that take a CheckpointSpec "
                f"and give an Engine; found {given!r}"
            )
        if twice := found.keys() & given.keys():
            name = sorted(twice)[0]
            raise SettingsError(f"two implementations of pytest_vlm_loaders give {name!r}")
        found |= given
    return found
