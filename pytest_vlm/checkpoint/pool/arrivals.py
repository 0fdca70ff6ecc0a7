"""How engines come: loaded, or back from host memory; tried once more where memory runs out."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TypeVar

from pytest_vlm.checkpoint.pool.holdings import Held
from pytest_vlm.checkpoint.pool.offloading import bring_home
from pytest_vlm.checkpoint.spec import CheckpointSpec
from pytest_vlm.memory.out_of_memory import is_out_of_memory
from pytest_vlm.memory.release import clear_frames, empty_cache
from pytest_vlm.memory.size import format_size
from pytest_vlm.protocols import Engine, ResidentEngine

T = TypeVar("T")


class Arrivals:
    """Brings engines to their devices that are not on the books yet.

    Attributes:
        opened: how many engines were loaded, so far.

    Args:
        open_engine: loads one checkpoint.
        device: where it goes.
        say: told what became of it, and a figure.
    """

    def __init__(
        self,
        open_engine: Callable[[CheckpointSpec], Engine],
        device: Callable[[CheckpointSpec], str],
        say: Callable[[CheckpointSpec, str, str], None],
    ) -> None:
        self.opened = 0
        self._open = open_engine
        self._device = device
        self._say = say
        self._handed_out: list[tuple[str, weakref.ref[object]]] = []

    def load(self, spec: CheckpointSpec, evict: Callable[[], int]) -> Held:
        """A checkpoint's engine, opened; `evict` closes what is idle and gives the bytes freed."""
        engine = self._second_chance(spec, lambda: self._open(spec), evict)
        self.opened += 1
        with suppress(TypeError):  # one of a class that cannot be watched
            self._handed_out.append((spec.name, weakref.ref(engine)))
        home = engine.device if isinstance(engine, ResidentEngine) else self._device(spec)
        return Held(spec=spec, engine=engine, home=home)

    def bring_back(self, away: Held, evict: Callable[[], int]) -> Held:
        """The same engine, back on its device; closed where it does not get there."""
        try:
            size = self._second_chance(away.spec, lambda: bring_home(away), evict)
        except BaseException:
            away.engine.close()
            raise
        self._say(away.spec, "was moved back from host memory", format_size(size))
        return away

    def watched(self) -> Sequence[tuple[str, weakref.ref[object]]]:
        """Engines that were loaded and are still alive, with their checkpoints' names."""
        return tuple((name, one) for name, one in self._handed_out if one() is not None)

    def _second_chance(
        self, spec: CheckpointSpec, work: Callable[[], T], evict: Callable[[], int]
    ) -> T:
        """Where memory runs out, everything idle goes, and the work is tried once more."""
        try:
            return work()
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            failure = error
        # Behind the block only `failure` holds the frames, and with them what was half loaded.
        clear_frames(failure)
        del failure
        freed = evict()
        empty_cache(self._device(spec))
        self._say(
            spec,
            "memory ran out while it was loaded; tried once more without idle checkpoints",
            f"{format_size(freed)} freed",
        )
        return work()
