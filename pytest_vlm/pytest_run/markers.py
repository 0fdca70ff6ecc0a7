"""The markers and their words; an unknown keyword is refused by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from pytest_vlm.checkpoint.spec import CheckpointSpec
from pytest_vlm.errors import SettingsError
from pytest_vlm.memory.size import parse_size
from pytest_vlm.options.reading import first_given
from pytest_vlm.settings import Settings

MARKERS = (
    "vlm_memory(peak=None, leak=None): the test starts without a loaded model, and computes every "
    "answer anew. peak, such as '14 GiB', is the most that it may take above that; without one "
    "?budget= of its --checkpoint holds, then --vlm-memory-budget, and without those the figure is "
    "only reported. leak, such as '16 MiB', is what may still be in use when the test and its "
    "fixtures have ended; a model that the test used must be gone by then, whatever its size",
    "vlm_requires(*names): skip by name where the run lacks 'relevance', 'regions', 'targets', "
    "'app' or 'tag:NAME'",
    "vlm_claims(n): the test makes n claims (default 1 for a test that uses compare)",
)


@dataclass(frozen=True, kw_only=True)
class Marks:
    """What the markers of one test say.

    Attributes:
        memory: whether its memory is measured.
        peak: bytes it may take, None without a limit of its own.
        leak: bytes it may keep after it ended; None where that is not looked at.
        requires: names of what it needs.
        claims: how many claims it makes; None where it does not say.
    """

    memory: bool = False
    peak: int | None = None
    leak: int | None = None
    requires: tuple[str, ...] = ()
    claims: int | None = None


def read_marks(item: pytest.Item) -> Marks:
    """The markers of a test; of a limit that several give, the closest one's holds.

    Raises:
        SettingsError: an unknown keyword, or a value that makes no sense.
    """
    memory = list(item.iter_markers("vlm_memory"))
    claims = item.get_closest_marker("vlm_claims")
    limits: dict[str, Any] = {}
    for marker in memory:
        _check_keywords(item, marker, {"peak", "leak"})
        if marker.args:
            raise SettingsError(f"{item.nodeid}: write vlm_memory(peak={marker.args[0]!r})")
        limits = {**marker.kwargs, **limits}
    if claims is not None:
        _check_keywords(item, claims, set())
    return Marks(
        memory=bool(memory),
        peak=_size(item, limits, "peak"),
        leak=_size(item, limits, "leak"),
        requires=tuple(
            str(name) for marker in item.iter_markers("vlm_requires") for name in marker.args
        ),
        claims=None if claims is None else _count(item, claims.args),
    )


def peak_limit(given: int | None, spec: CheckpointSpec, settings: Settings) -> int | None:
    """Bytes: the marker's or the block's, else the checkpoint's, else the run's."""
    return first_given(given, spec.budget, settings.memory_budget)


def _count(item: pytest.Item, arguments: tuple[Any, ...]) -> int:
    if len(arguments) != 1 or not isinstance(arguments[0], int) or arguments[0] < 1:
        raise SettingsError(f"{item.nodeid}: vlm_claims takes one number above 0")
    return arguments[0]


def _check_keywords(item: pytest.Item, marker: pytest.Mark, known: set[str]) -> None:
    unknown = sorted(set(marker.kwargs) - known)
    if unknown:
        raise SettingsError(
            f"{item.nodeid}: {marker.name} does not know {unknown[0]!r}"
            + (f"; it knows {', '.join(sorted(known))}" if known else "")
        )


def _size(item: pytest.Item, limits: Mapping[str, Any], name: str) -> int | None:
    given = limits.get(name)
    try:
        return None if given is None else parse_size(given)
    except SettingsError as error:
        raise SettingsError(f"{item.nodeid}: vlm_memory: {name}: {error}") from None
