"""Loaded checkpoints: leased to whoever uses them, and kept while there is room."""

from __future__ import annotations

import threading
import time
import weakref
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import NamedTuple

from pytest_vlm.checkpoint.pool.arrivals import Arrivals
from pytest_vlm.checkpoint.pool.departures import Departures
from pytest_vlm.checkpoint.pool.holdings import Gone, Held, Holdings
from pytest_vlm.checkpoint.pool.room import unique_bytes
from pytest_vlm.checkpoint.pool.written import WeightsWritten, check_unwritten, some, written
from pytest_vlm.checkpoint.spec import CheckpointSpec
from pytest_vlm.errors import EngineError, MemoryBudgetError
from pytest_vlm.memory.estimate import Estimate
from pytest_vlm.protocols import Engine


@dataclass(eq=False)
class _Load:
    """A load under way."""

    spec: CheckpointSpec
    thread: threading.Thread
    since: float


class _Turn(NamedTuple):
    """What a load has to do: who goes before, and who comes back from host memory."""

    gone: Sequence[Gone]
    away: Held | None


class EnginePool:
    """Leases engines. The idle ones stay loaded while there is room; least recently used go first.

    Threads may share it. Loads happen one at a time and never wait for a lease, and a thread that
    holds a lease is refused rather than made to wait for another one: so nobody waits in a circle.

    Args:
        open_engine: loads one checkpoint.
        max_loaded: engines on their devices; comparing needs room for one.
        budget: bytes on a device, shared weights counted once; None without a limit.
        firm: whether a checkpoint is refused for what is estimated beside its weights; otherwise
            that only decides who goes.
        device: where a checkpoint will be loaded.
        estimate: what it will need there, from its files; None where nothing is known.
        shared: bytes of the first one's weights that lie in the second one's where that is loaded.
        host_room: bytes of host memory that idle engines of other devices may be moved to; where
            there is none, they are closed.
        told: what became of a checkpoint; each thing once for each pair of them.
        timeout: seconds to wait for another thread's load or lease.
    """

    def __init__(
        self,
        open_engine: Callable[[CheckpointSpec], Engine],
        max_loaded: int = 1,
        *,
        budget: Callable[[str], int | None] = lambda device: None,
        firm: bool = True,
        device: Callable[[CheckpointSpec], str] = lambda spec: "cpu",
        estimate: Callable[[CheckpointSpec], Estimate | None] = lambda spec: None,
        shared: Callable[[CheckpointSpec, CheckpointSpec], int] = lambda spec, other: 0,
        host_room: Callable[[], int] = lambda: 0,
        told: Callable[[CheckpointSpec, str], None] = lambda spec, event: None,
        timeout: float = 600.0,
    ) -> None:
        self._max_loaded = max_loaded
        self._firm = firm
        self._device = device
        self._estimate = estimate
        self._departures = Departures(host_room, told)
        self._arrivals = Arrivals(open_engine, device, self._departures.say)
        self._timeout = timeout
        self._holdings = Holdings(max_loaded, budget, shared)
        self._loads: list[_Load] = []  # the last one needs what the one before it is loading
        # A lease may end in the garbage collector, in the middle of anything: hence an RLock.
        self._changed = threading.Condition(threading.RLock())

    @property
    def opened(self) -> int:
        """How many engines were loaded, so far."""
        return self._arrivals.opened

    def get(self, spec: CheckpointSpec) -> Engine:
        """The engine of a checkpoint, loaded if need be; the next load may close it.

        Raises:
            MemoryBudgetError: there is no room beside the engines that are leased.
            EngineError: another thread's load takes longer than the timeout.
        """
        return self._take(spec, None).engine

    @contextmanager
    def lease(self, spec: CheckpointSpec) -> Iterator[Engine]:
        """The same engine, which is neither closed nor moved inside the block.

        A thread may lease once more what it holds, and several threads may hold one engine.

        Raises:
            MemoryBudgetError: as `get`.
            EngineError: as `get`.
            WeightsWritten: at the end, if that happened in the meantime.
        """
        holder = threading.get_ident()
        held, last = self._take_unwritten(spec, holder), False
        try:
            yield held.engine
            check_unwritten(spec, held.engine)
        except WeightsWritten as error:
            if error.spec == spec:
                last = True
                self._departures.say(spec, error.event)
            raise
        finally:
            self._release(held, holder, last=last)

    def clear(self) -> None:
        """Close every engine that is idle, and each of the others when its last lease ends."""
        with self._changed:
            for held in self._holdings.leased():
                held.last = True
            gone = self._holdings.take_off(self._holdings.idle())
        with ExitStack() as closing:
            for held, _ in gone:
                closing.callback(held.engine.close)

    def evict_idle(self, keep: CheckpointSpec | None = None) -> int:
        """Close every engine that nobody leases, but not that of `keep`.

        Returns:
            Bytes of weights that this frees, over all devices.
        """
        with self._changed:
            gone = self._holdings.take_off(h for h in self._holdings.idle() if h.spec != keep)
        self._departures.close(gone, "because memory ran out")
        return sum(one.freed for one in gone)

    def beside(self, spec: CheckpointSpec) -> int:
        """Bytes of the other engines' weights on a checkpoint's device, less what it shares."""
        with self._changed:
            return self._holdings.beside(spec)

    def weights(self) -> Mapping[str, int]:
        """Bytes of loaded weights by checkpoint; a piece that two share counts once."""
        with self._changed:
            return self._holdings.weights()

    def watched(self) -> Sequence[tuple[str, weakref.ref[object]]]:
        """Engines that were handed out and are still alive, with their checkpoints' names.

        After `clear`, and when no lease is left, somebody outside of the pool holds them.
        """
        with self._changed:
            return self._arrivals.watched()

    def _take_unwritten(self, spec: CheckpointSpec, holder: int) -> Held:
        """A leased engine; loaded anew where somebody wrote into an idle one, or what it shares."""
        held = self._take(spec, holder)
        names = written(held.engine)
        with self._changed:
            alone = held.holders.total() == 1
        if not names or not alone:
            return held
        self._departures.say(
            spec, "was loaded anew, since its idle weights were written", some(names)
        )
        self._release(held, holder, last=True)
        return self._take(spec, holder)

    def _take(self, spec: CheckpointSpec, holder: int | None) -> Held:
        """An engine on its device, leased where there is a holder."""
        with self._changed:
            if held := self._holdings.use(spec, holder):
                return held
        need = self._estimate(spec) or Estimate(weights=0)
        load = _Load(spec, threading.current_thread(), time.monotonic())
        try:
            turn = self._await_turn(load, need, holder)
            if isinstance(turn, Held):
                return turn
            self._departures.make_room(turn.gone, spec, self._wait_away)
            if turn.away:
                new = self._arrivals.bring_back(turn.away, self.evict_idle)
            else:
                new = self._arrivals.load(spec, self.evict_idle)
            return self._admit(new, need, holder)
        finally:
            with self._changed:
                if load in self._loads:
                    self._loads.remove(load)
                    self._changed.notify_all()

    def _await_turn(self, load: _Load, need: Estimate, holder: int | None) -> _Turn | Held:
        """Wait until there is room and nobody else is loading, or until somebody else loaded it."""
        spec, deadline = load.spec, load.since + self._timeout
        with self._changed:
            while not (held := self._holdings.use(spec, holder)):
                away = self._holdings.get(spec)
                if away is not None:
                    need = replace(need, weights=unique_bytes([away.storages]).total())
                if not self._loads or self._loads[-1].thread is load.thread:
                    going = self._who_goes(spec, need)
                    if going is not None:
                        gone = self._holdings.take_off([*going, *([away] if away else [])])
                        load.since = time.monotonic()
                        self._loads.append(load)
                        return _Turn(gone[: len(going)], away)
                    if self._loads or not self._worth_waiting(load, need):
                        raise self._holdings.refusal(spec, self._device(spec), need)
                if (left := deadline - time.monotonic()) <= 0:
                    raise self._too_late(spec, need)
                self._changed.wait(left)
            return held

    def _who_goes(self, spec: CheckpointSpec, need: Estimate) -> list[Held] | None:
        device = self._device(spec)
        going = self._holdings.who_goes(spec, device, need.total)
        if going is None and not self._firm:
            return self._holdings.who_goes(spec, device, need.weights)
        return going

    def _worth_waiting(self, load: _Load, need: Estimate) -> bool:
        least = need.total if self._firm else need.weights
        device = self._device(load.spec)
        return self._holdings.worth_waiting(load.thread.ident, device, least)

    def _admit(self, new: Held, need: Estimate, holder: int | None) -> Held:
        """Put it on the books by what it really takes; who does not fit beside it goes.

        Raises:
            MemoryBudgetError: it takes more than was estimated, and does not fit.
        """
        with self._changed:
            going = self._holdings.who_goes_beside(new, need.working)
            if going is None and not self._firm:
                going = self._holdings.who_goes_beside(new, 0)
            if going is not None:
                gone = self._holdings.take_off(going)
                self._holdings.put(new)
                self._holdings.use(new.spec, holder)
        if going is None:
            need = replace(need, weights=self._holdings.added_by(new))
            new.engine.close()
            raise self._holdings.refusal(new.spec, new.home, need)
        try:
            self._departures.make_room(gone, new.spec, self._wait_away)
        except BaseException:
            self._release(new, holder)
            raise
        return new

    def _release(self, held: Held, holder: int | None, *, last: bool = False) -> None:
        with self._changed:
            held.last = held.last or last
            if holder is not None:
                held.holders -= Counter({holder: 1})
            over = held.last and not held.holders and self._holdings.get(held.spec) is held
            if over:
                self._holdings.take_off([held])
            self._changed.notify_all()
        if over:
            held.engine.close()

    def _wait_away(self, held: Held) -> None:
        with self._changed:
            self._holdings.put(held)

    def _too_late(self, spec: CheckpointSpec, need: Estimate) -> EngineError | MemoryBudgetError:
        if not self._loads:
            waited = f", and was for {self._timeout:.0f} s"
            return self._holdings.refusal(spec, self._device(spec), need, waited)
        slow = self._loads[-1]
        return EngineError(
            f"{slow.spec} has been loading for {time.monotonic() - slow.since:.0f} s in the thread "
            f"{slow.thread.name!r}, and {spec} waits for its turn no longer. A load cannot be "
            "ended from outside: look whether its files can be read, and start again"
        )
