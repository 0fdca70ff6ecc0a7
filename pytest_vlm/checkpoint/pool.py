"""At most so many loaded checkpoints at a time; the least recently used goes first."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from pytest_vlm.checkpoint.spec import CheckpointSpec
from pytest_vlm.protocols import Engine


class EnginePool:
    """Opens an engine when it is asked for and closes the one that was idle longest.

    Attributes:
        opened: how many engines were, so far.

    Args:
        open_engine: loads one checkpoint.
        max_loaded: engines kept open; comparing needs room for one.
    """

    def __init__(
        self, open_engine: Callable[[CheckpointSpec], Engine], max_loaded: int = 1
    ) -> None:
        self._open = open_engine
        self._max_loaded = max_loaded
        self.opened = 0
        self._engines: OrderedDict[str, Engine] = OrderedDict()

    def get(self, spec: CheckpointSpec) -> Engine:
        """The engine of a checkpoint, loaded if need be."""
        if spec.name not in self._engines:
            while len(self._engines) >= self._max_loaded:
                self._engines.popitem(last=False)[1].close()
            self._engines[spec.name] = self._open(spec)
            self.opened += 1
        self._engines.move_to_end(spec.name)
        return self._engines[spec.name]

    def clear(self) -> None:
        """Close every engine."""
        while self._engines:
            self._engines.popitem()[1].close()
