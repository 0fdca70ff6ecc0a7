"""The markers and their words; an unknown keyword is refused by name."""

from __future__ import annotations

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


def peak_limit(given: int | None, spec: CheckpointSpec, settings: Settings) -> int | None:
    """Bytes: the marker's or the block's, else the checkpoint's, else the run's."""
    return first_given(given, spec.budget, settings.memory_budget)


def _count(item: pytest.Item, arguments: tuple[Any, ...]) -> int:
    if len(arguments) != 1 or not isinstance(arguments[0], int) or arguments[0] < 1:
        raise SettingsError(f"{item.nodeid}: vlm_claims takes one number above 0")
    return arguments[0]


def _size(text: str | int | None) -> int | None:
    return None if text is None else parse_size(text)
