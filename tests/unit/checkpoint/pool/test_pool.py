"""Leases hold, limits hold, the one that was idle longest goes first, and all of it is told."""

from __future__ import annotations

import weakref
from dataclasses import dataclass, replace

import pytest
from pooled import Loader

from pytest_vlm.checkpoint.pool.pool import EnginePool
from pytest_vlm.checkpoint.spec import CheckpointSpec
from pytest_vlm.errors import EngineError, MemoryBudgetError
from pytest_vlm.memory.estimate import Estimate
from pytest_vlm.settings import LoadSettings

A, B, C = (CheckpointSpec(name=name, source=name) for name in "ABC")


@dataclass
class Room:
    """A loader that keeps the books of its engines; they answer nothing."""

    opened: list[str]
    loaded: list[str]
    most: int = 0

    def open(self, spec: CheckpointSpec):
        if spec.name == "broken":
            raise EngineError("out of memory")
        room = self

        class Engine:
            def close(self) -> None:
                room.loaded.remove(spec.name)

        self.opened.append(spec.name)
        self.loaded.append(spec.name)
        self.most = max(self.most, len(self.loaded))
        return Engine()


@pytest.fixture
def room() -> Room:
    return Room([], [])


def test_a_checkpoint_is_loaded_once(room):
    pool = EnginePool(room.open)
    assert pool.get(A) is pool.get(A)
    assert room.opened == ["A"]


@pytest.mark.parametrize("limit", [1, 2, 3])
def test_never_holds_more_than_allowed(room, limit):
    pool = EnginePool(room.open, max_loaded=limit)
    for spec in (A, B, C, A, C, B, B, A):
        pool.get(spec)
        assert spec.name in room.loaded
    assert room.most == limit


def test_closes_before_it_loads_the_next(room):
    pool = EnginePool(room.open)
    pool.get(A)
    pool.get(B)
    assert (room.loaded, room.most) == (["B"], 1)


def test_the_least_recently_used_goes_first(room):
    pool = EnginePool(room.open, max_loaded=2)
    for spec in (A, B, A, C):
        pool.get(spec)
    assert sorted(room.loaded) == ["A", "C"]


def test_clear_closes_all_and_loads_again_when_asked(room):
    pool = EnginePool(room.open, max_loaded=2)
    pool.get(A), pool.get(B)
    pool.clear()
    assert room.loaded == []
    pool.get(A)
    assert room.opened == ["A", "B", "A"]


def test_a_checkpoint_that_cannot_be_loaded_is_not_kept(room):
    pool = EnginePool(room.open)
    with pytest.raises(EngineError):
        pool.get(CheckpointSpec(name="broken", source="x"))
    pool.get(A)
    assert room.loaded == ["A"]


def resident(pieces, **options):
    loader = Loader(pieces, device=options.pop("on", "cpu"))
    return loader, EnginePool(loader, options.pop("max_loaded", 9), **options)


def tell(events):
    return lambda spec, event: events.append(f"{spec} {event}")


MIB = 2**20


def test_a_leased_engine_stays_and_the_refusal_names_it(room):
    pool = EnginePool(room.open)
    with pool.lease(A) as engine:
        with pytest.raises(MemoryBudgetError, match=r"^B cannot be loaded: .* is 1; A is leased\."):
            pool.get(B)
        pool.clear()
        assert room.loaded == ["A"]
        with pool.lease(A) as again:
            assert again is engine
        assert room.loaded == ["A"]
    assert room.loaded == []  # cleared in the meantime


def test_an_idle_engine_is_dropped_after_its_lease(room):
    pool = EnginePool(room.open)
    with pool.lease(A):
        pass
    assert room.loaded == ["A"]
    pool.get(B)
    assert room.loaded == ["B"]


def test_a_refusal_says_what_is_needed_before_anything_is_loaded():
    loader, pool = resident({"A": {1: 6 * MIB}, "B": {2: 14 * MIB}}, budget=lambda _: 16 * MIB)
    need = Estimate(weights=14 * MIB, cache=MIB, activations=MIB // 2)
    pool = EnginePool(
        loader, 2, budget=lambda _: 16 * MIB, estimate=lambda s: need if s == B else None
    )
    with pool.lease(A), pytest.raises(MemoryBudgetError) as refusal:
        pool.get(B)
    assert str(refusal.value) == (
        "B will not fit: weights 14.0 + cache 1.0 + activations 0.5 MiB > 10.0 MiB available; "
        "A is leased. Try ?dtype=bfloat16, a smaller --vlm-batch-size, or a larger "
        "--vlm-memory-budget"
    )
    assert loader.names == ["A"]
    pool.get(B)
    assert loader.names == ["B"]


def test_an_estimate_that_does_not_bind_decides_only_who_goes():
    loader, _ = resident({"A": {1: 6}, "B": {2: 14}, "C": {3: 17}})
    needs = {A: 6, B: 14, C: 17}
    pool = EnginePool(
        loader,
        9,
        budget=lambda _: 16,
        firm=False,
        estimate=lambda s: Estimate(weights=needs[s], activations=9),
    )
    pool.get(A)
    pool.get(B)  # 23 with its activations: more than there is, and only A can go
    assert loader.names == ["B"]
    with pytest.raises(MemoryBudgetError, match=r"C will not fit: weights 17 \+ activations 9 B"):
        pool.get(C)


def test_what_lies_beside_an_engine_is_what_it_does_not_share():
    _, pool = resident({"A": {1: 10, 2: 1}, "B": {1: 10, 3: 2}, "C": {4: 9}})
    for spec in (A, B, C):
        pool.get(spec)
    assert [pool.beside(spec) for spec in (A, B, C)] == [11, 10, 13]


def test_weights_that_are_larger_than_estimated_are_counted_as_they_are():
    loader, pool = resident({"A": {1: 6}, "B": {2: 14}, "C": {3: 17}}, budget=lambda _: 16)
    pool.get(A)
    pool.get(B)
    assert loader.names == ["B"]
    with pytest.raises(MemoryBudgetError, match=r"C will not fit: weights 17 B > 16 B available\."):
        pool.get(C)
    assert loader.names == ["B"]
    assert pool.opened == 3


def test_what_two_share_counts_once():
    loader, _ = resident({"A": {1: 10, 2: 1}, "B": {1: 10, 3: 2}, "C": {4: 9}})
    events = []
    pool = EnginePool(
        loader,
        9,
        budget=lambda _: 16,
        estimate=loader.estimate,
        shared=loader.shared,
        told=tell(events),
    )
    pool.get(A)
    pool.get(B)
    assert loader.names == ["A", "B"]
    assert pool.weights() == {"A": 11, "B": 2}
    pool.get(C)  # without A, 10 of whose bytes are B's as well, there is not enough room
    assert loader.names == ["C"]
    assert events == [
        "A was dropped to make room for C: 1 B freed",
        "B was dropped to make room for C: 12 B freed",
    ]


def test_the_ladder_frees_what_is_idle():
    loader, pool = resident({"A": {1: 10, 2: 1}, "B": {1: 10}, "C": {4: 9}})
    pool.get(A), pool.get(C)
    with pool.lease(B):
        assert pool.evict_idle(keep=C) == 1
        assert loader.names == ["C", "B"]
        assert pool.evict_idle() == 9
    assert loader.names == ["B"]


def test_an_eviction_is_told_once_for_each_pair():
    events = []
    _, pool = resident({"A": {1: 7}, "B": {2: 5}}, max_loaded=1, told=tell(events))
    for checkpoint in (A, B, A, B, A, B):
        pool.get(checkpoint)
    assert events == [
        "A was dropped to make room for B: 7 B freed",
        "B was dropped to make room for A: 5 B freed",
    ]


def test_an_idle_engine_waits_in_host_memory_where_there_is_room():
    events, rooms = [], [100, 4]
    loader, pool = resident(
        {"A": {1: 7}, "B": {2: 5}},
        on="cuda:0",
        max_loaded=1,
        device=lambda spec: "cuda",
        host_room=lambda: rooms.pop(0),
        told=tell(events),
    )
    first = pool.get(A)
    pool.get(B)
    assert (first.device, first.closed) == ("cpu", 0)
    assert pool.get(A) is first
    assert first.device == "cuda:0"
    assert (loader.names, pool.opened) == (["A"], 2)
    assert events == [
        "A was moved to host memory to make room for B: 7 B freed",
        "B was dropped to make room for A: 5 B freed",
        "A was moved back from host memory: 7 B",
    ]


def test_memory_that_runs_out_while_loading_is_made_by_dropping_what_is_idle():
    events, alive, errors = [], [], []

    class Ballast:
        pass

    def load(spec):
        if spec == B and not alive:
            ballast = Ballast()
            alive.append(weakref.ref(ballast))
            errors.append(MemoryError("no room"))
            raise errors[0]
        assert spec == A or alive[0]() is None, "the failed attempt is still held"
        return loader(spec)

    loader = Loader({"A": {1: 7}, "B": {2: 5}})
    pool = EnginePool(load, 2, told=tell(events))
    pool.get(A)
    assert pool.get(B).name == "B"
    assert loader.names == ["B"]
    assert events == [
        "A was dropped because memory ran out: 7 B freed",
        "B memory ran out while it was loaded; tried once more without idle checkpoints: 7 B freed",
    ]


def test_another_error_of_a_load_is_not_tried_again(room):
    pool = EnginePool(room.open, 2)
    pool.get(A)
    with pytest.raises(EngineError):
        pool.get(CheckpointSpec(name="broken", source="x"))
    assert room.loaded == ["A"]


def test_weights_written_while_leased_are_told_and_loaded_anew():
    events = []
    _, pool = resident({"A": {1: 7}}, told=tell(events))
    written = r"^A: its weights were written .*: a, b, c and 1 more;"
    with pytest.raises(EngineError, match=written), pool.lease(A) as engine:
        engine.wrote = ["a", "b", "c", "d"]
    assert events == ["A its weights were written while it was leased: a, b, c and 1 more"]
    assert engine.closed
    assert pool.get(A) is not engine


def test_idle_weights_that_were_written_are_never_leased():
    events = []
    _, pool = resident({"A": {1: 7}}, told=tell(events))
    engine = pool.get(A)
    engine.wrote = ["a"]
    with pool.lease(A) as again:
        assert engine.closed and again is not engine
    assert events == ["A was loaded anew, since its idle weights were written: a"]


def test_an_inner_lease_tells_of_written_weights_too():
    _, pool = resident({"A": {1: 7}})
    with pytest.raises(EngineError, match="written while"), pool.lease(A) as engine:
        engine.wrote = ["a"]
        with pytest.raises(EngineError, match="written while"), pool.lease(A) as inner:
            assert inner is engine
        assert not engine.closed
    assert engine.closed


def test_written_weights_of_another_checkpoint_leave_a_lease_as_it_is():
    loader, pool = resident({"A": {1: 7}, "B": {2: 7}}, max_loaded=2)
    with pytest.raises(EngineError, match=r"^B: "), pool.lease(A) as engine, pool.lease(B) as other:
        other.wrote = ["b"]
    assert loader.open == [engine]


def test_an_error_in_a_lease_is_not_hidden_and_frees_it(room):
    pool = EnginePool(room.open)
    with pytest.raises(ZeroDivisionError), pool.lease(A):
        1 / 0  # noqa: B018
    pool.get(B)
    assert room.loaded == ["B"]


def test_an_interrupted_load_leaves_room_for_the_next():
    loader, pool = resident({"A": {1: 7}, "B": {2: 5}}, max_loaded=1)
    pool.get(A)
    loader.fail = [KeyboardInterrupt()]
    with pytest.raises(KeyboardInterrupt):
        pool.get(B)
    assert loader.names == []
    assert pool.get(B).name == "B"


def test_a_load_may_need_another_checkpoint():
    def load(spec):
        if spec == B:
            with pool.lease(A) as base:
                assert base.name == "A"
        return loader(spec)

    loader = Loader({"A": {1: 7}, "B": {1: 7, 2: 5}})
    pool = EnginePool(load, 1)
    assert pool.get(B).name == "B"
    assert loader.names == ["B"]


def test_one_checkpoint_loaded_in_two_ways_is_two_engines():
    _, pool = resident({"A": {1: 7}})
    half = replace(A, load=LoadSettings(dtype="float16"))
    assert pool.get(A) is not pool.get(half)


def test_who_still_holds_an_engine_can_be_found():
    loader, pool = resident({"A": {1: 7}, "B": {2: 5}})
    kept = pool.get(A)
    pool.get(B)
    pool.clear()
    loader.engines.clear()
    later = pool.get(A)
    pool.clear()
    loader.engines.clear()
    assert [(name, ref()) for name, ref in pool.watched()] == [("A", kept), ("A", later)]
