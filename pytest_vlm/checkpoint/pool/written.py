"""Weights that somebody wrote into: what is answered since is not the checkpoint's answer."""

from __future__ import annotations

from collections.abc import Sequence

from pytest_vlm.checkpoint.spec import CheckpointSpec
from pytest_vlm.errors import EngineError
from pytest_vlm.protocols import Engine, ResidentEngine

NAMED = 3


class WeightsWritten(EngineError):
    """A leased checkpoint's weights are no longer what was loaded.

    Attributes:
        spec: whose weights.
        event: which of them.
    """

    def __init__(self, spec: CheckpointSpec, written: Sequence[str]) -> None:
        self.spec = spec
        self.event = f"its weights were written while it was leased: {some(written)}"
        super().__init__(
            f"{spec}: {self.event}; answers since are not its own. It is loaded anew when it is "
            "asked again; look for what changes a model in place, and let it change a copy"
        )


def written(engine: Engine) -> Sequence[str]:
    """Names of weights that were written; an engine of another kind has none here."""
    return engine.written() if isinstance(engine, ResidentEngine) else ()


def check_unwritten(spec: CheckpointSpec, engine: Engine) -> None:
    """Before its answers are kept: the next run would believe them.

    Raises:
        WeightsWritten: its weights were written.
    """
    if names := written(engine):
        raise WeightsWritten(spec, names)


def some(names: Sequence[str]) -> str:
    """The first ones, and how many more."""
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return f"{', '.join(names[:NAMED])}{more}"
