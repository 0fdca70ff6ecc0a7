"""The markers and their words; an unknown keyword is refused by name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from pytest_vlm.errors import SettingsError
from pytest_vlm.memory.size import parse_size

MARKERS = (
    "vlm_memory(peak=None, leak=None): limit the memory that the test takes, such as '14 GiB', and "
    "what it may keep after it ended; without a peak --vlm-memory-budget holds, and without that "
    "the figure is only reported",
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
    """The markers of a test.

    Raises:
        SettingsError: an unknown keyword, or a value that makes no sense.
    """
    memory = item.get_closest_marker("vlm_memory")
    claims = item.get_closest_marker("vlm_claims")
    for marker, known in ((memory, {"peak", "leak"}), (claims, set())):
        if marker is not None and set(marker.kwargs) - known:
            unknown = sorted(set(marker.kwargs) - known)[0]
            raise SettingsError(
                f"{item.nodeid}: {marker.name} does not know {unknown!r}"
                + (f"; it knows {', '.join(sorted(known))}" if known else "")
            )
    if memory is not None and memory.args:
        raise SettingsError(f"{item.nodeid}: write vlm_memory(peak={memory.args[0]!r})")
    limits = memory.kwargs if memory is not None else {}
    return Marks(
        memory=memory is not None,
        peak=_size(limits.get("peak")),
        leak=_size(limits.get("leak")),
        requires=tuple(
            str(name) for marker in item.iter_markers("vlm_requires") for name in marker.args
        ),
        claims=None if claims is None else _count(item, claims.args),
    )


def _count(item: pytest.Item, arguments: tuple[Any, ...]) -> int:
    if len(arguments) != 1 or not isinstance(arguments[0], int) or arguments[0] < 1:
        raise SettingsError(f"{item.nodeid}: vlm_claims takes one number above 0")
    return arguments[0]


def _size(text: str | int | None) -> int | None:
    return None if text is None else parse_size(text)
