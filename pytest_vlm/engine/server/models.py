"""Which of the models of a server is asked."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any

from pytest_vlm.engine.server.address import ServerAddress
from pytest_vlm.engine.server.replies import printable
from pytest_vlm.errors import EngineError

SHOWN = 10


def read_models(reply: Any) -> tuple[str, ...]:
    """Names in the reply to ``/models``; empty where it is no list of models."""
    listed = reply.get("data") if isinstance(reply, dict) else None
    entries = listed if isinstance(listed, list) else []
    names = [entry.get("id") for entry in entries if isinstance(entry, dict)]
    return tuple(name for name in names if isinstance(name, str) and name)


def choose_model(checkpoint: str, address: ServerAddress, served: Sequence[str]) -> str:
    """The model that the address names, else the only one.

    Raises:
        EngineError: it is not served, or none is named and there is not just one.
    """
    if address.model and (not served or address.model in served):
        return address.model
    listed = list_models(served, address.model)
    if address.model:
        raise EngineError(
            f"{checkpoint}: the server at {address.base} has no model {address.model!r}; {listed}"
        )
    if len(served) == 1:
        return served[0]
    raise EngineError(
        f"{checkpoint}: the address {address.base} names no model; {listed}; add its name: "
        f"--checkpoint '{checkpoint}={address.base}#MODEL'"
    )


def list_models(served: Sequence[str], like: str) -> str:
    """The models in words, those of a similar name first."""
    if not served:
        return "the server lists no models"
    names = list(dict.fromkeys([*get_close_matches(like, served, SHOWN), *sorted(served)]))
    more = f" and {len(names) - SHOWN:,} more" if len(names) > SHOWN else ""
    return f"it serves {', '.join(printable(name, 80) for name in names[:SHOWN])}{more}"
