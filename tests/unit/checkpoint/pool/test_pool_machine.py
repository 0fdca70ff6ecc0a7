"""Whatever is asked of the pool, in any order: leases hold, budgets hold, the books are right."""

from __future__ import annotations

import re
from contextlib import ExitStack

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
)
from pooled import Loader, spec

from pytest_vlm.checkpoint.pool.pool import EnginePool
from pytest_vlm.checkpoint.pool.room import unique_bytes
from pytest_vlm.errors import EngineError, MemoryBudgetError
from pytest_vlm.memory.estimate import Estimate

SIZES = (1, 10, 40, 100, 300)
NAMES = st.sampled_from("ABCDE")
CARD = "cuda:0"


class PoolMachine(RuleBasedStateMachine):
    leases = Bundle("leases")

    @initialize(
        pieces=st.fixed_dictionaries(
            {name: st.sets(st.integers(0, 4), min_size=1) for name in "ABCDE"}
        ),
        budget=st.none() | st.integers(50, 500),
        max_loaded=st.integers(1, 4),
        device=st.sampled_from(["cpu", CARD]),
        knows=st.sampled_from(["nothing", "weights", "all"]),
        working=st.integers(0, 60),
    )
    def begin(self, pieces, budget, max_loaded, device, knows, working):
        self.budget, self.max_loaded, self.device = budget, max_loaded, device
        self.working = 0 if knows == "nothing" else working
        self.loader = Loader({n: {a: SIZES[a] for a in at} for n, at in pieces.items()}, device)
        self.room = 0
        self.knows_sharing = knows == "all"
        self.held: list = []
        self.used: list[str] = []
        self.events: list[str] = []
        self.pool = EnginePool(
            self.loader,
            max_loaded,
            budget=lambda _: budget,
            device=lambda spec: device.partition(":")[0],
            estimate=lambda spec: (
                None
                if knows == "nothing"
                else Estimate(weights=self.loader.estimate(spec).weights, activations=working)
            ),
            shared=self.loader.shared if knows == "all" else lambda one, other: 0,
            host_room=lambda: self.room,
            told=lambda spec, event: self.events.append(f"{spec} {event}"),
        )

    @rule(name=NAMES)
    def get(self, name):
        self._ask(name, lambda: self.pool.get(spec(name)))

    @rule(target=leases, name=NAMES)
    def lease(self, name):
        stack = ExitStack()
        engine = self._ask(name, lambda: stack.enter_context(self.pool.lease(spec(name))))
        if engine is None:
            return multiple()
        assert not engine.wrote or engine in self.held
        self.held.append(engine)
        return stack, engine

    @rule(lease=consumes(leases))
    def release(self, lease):
        stack, engine = lease
        self.held.remove(engine)
        if engine.wrote:
            with pytest.raises(EngineError, match="written while it was leased: lm_head"):
                stack.close()
            assert bool(engine.closed) == (engine not in self.held)
        else:
            stack.close()

    @precondition(lambda self: self.loader.open)
    @rule(choice=st.integers(0, 99))
    def write(self, choice):
        self.loader.open[choice % len(self.loader.open)].wrote = ["lm_head"]

    @rule(room=st.sampled_from([0, 45, 10**6]))
    def change_host_memory(self, room):
        self.room = room

    @rule()
    def clear(self):
        self.pool.clear()
        assert {id(engine) for engine in self.loader.open} == {id(held) for held in self.held}

    @rule(keep=st.none() | NAMES)
    def evict_idle(self, keep):
        before = self._all_bytes()
        freed = self.pool.evict_idle(keep and spec(keep))
        assert freed == before - self._all_bytes()
        idle = {engine.name for engine in self.loader.open if engine not in self.held}
        assert idle <= {keep}

    @rule(name=NAMES, times=st.integers(1, 2))
    def run_out_of_memory(self, name, times):
        if self._is_open(name):
            return
        self.loader.fail = [MemoryError() for _ in range(times)]
        try:
            self.pool.get(spec(name))
        except MemoryError:
            assert times == 2
            assert all(engine in self.held for engine in self.loader.open)
        except MemoryBudgetError:
            pass
        else:
            assert times == 1
            self._note_use(name)
        self.loader.fail = []

    @rule(name=NAMES)
    def interrupt_a_load(self, name):
        if self._is_open(name):
            return
        self.loader.fail = [KeyboardInterrupt()]
        with pytest.raises((KeyboardInterrupt, MemoryBudgetError)):
            self.pool.get(spec(name))
        self.loader.fail = []

    @invariant()
    def leased_engines_are_where_they_were(self):
        assert all(not held.closed and held.device == self.device for held in self.held)

    @invariant()
    def the_limits_hold(self):
        present = [engine for engine in self.loader.open if engine.device == self.device]
        assert len(present) <= self.max_loaded
        if self.budget is not None:
            assert self.loader.bytes(self.device) <= self.budget

    @invariant()
    def each_is_opened_and_closed_once(self):
        assert self.pool.opened == len(self.loader.engines)
        assert all(engine.closed <= 1 for engine in self.loader.engines)
        assert len(set(self.loader.names)) == len(self.loader.names)

    @invariant()
    def the_weights_add_up(self):
        assert sum(self.pool.weights().values()) == self.loader.bytes(self.device)

    def teardown(self):
        if hasattr(self, "pool"):
            self.pool.clear()
            assert all(engine in self.held for engine in self.loader.open)

    def _ask(self, name, ask):
        """What asking for an engine gives; None where it is refused, and that is right."""
        before, told = self._present(), len(self.events)
        try:
            engine = ask()
        except MemoryBudgetError as error:
            self._check_refusal(name, str(error))
            return None
        assert (engine.name, engine.device, engine.closed) == (name, self.device, 0)
        self._note_use(name)
        left = [one for one in before if one not in self._present()]
        stay = [one for one in self._present() if one is not engine and one not in self.held]
        if self.budget is None and not self.knows_sharing:
            later = [self.used.index(one.name) for one in stay]
            for_room = [self.used.index(one.name) for one in left if one.name != name]
            assert all(earlier < place for earlier in for_room for place in later)
        freed = [int(n) for e in self.events[told:] for n in re.findall(r": (\d+) B freed", e)]
        if len(freed) == len(left):
            kept = [one for one in before if one not in left]
            assert sum(freed) == size(before) - size(kept)
        return engine

    def _check_refusal(self, name, message):
        leased = {engine.name: engine for engine in self.held}
        assert all(f"{other}" in message.partition("; ")[2] for other in sorted(leased)[:3])
        assert name not in leased
        full = len(leased) + 1 > self.max_loaded
        needed = self.loader.estimate(spec(name)).total + self.working
        large = self.budget is not None and size(leased.values()) + needed > self.budget
        assert f"--vlm-max-loaded is {self.max_loaded}" in message if full and not large else True
        assert full or large

    def _present(self):
        return [engine for engine in self.loader.open if engine.device == self.device]

    def _is_open(self, name):
        return name in self.loader.names

    def _note_use(self, name):
        self.used = [other for other in self.used if other != name] + [name]

    def _all_bytes(self):
        return unique_bytes(engine.storages() for engine in self.loader.open).total()


def size(engines):
    """Bytes of their pieces, each counted once, wherever they lie now."""
    return sum({at: size for engine in engines for at, size in engine.pieces.items()}.values())


TestPool = PoolMachine.TestCase
TestPool.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
