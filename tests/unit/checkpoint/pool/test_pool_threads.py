"""Several threads at one pool: loads one at a time, leases waited for, nobody in a circle."""

from __future__ import annotations

import random
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from pooled import Loader, spec

from pytest_vlm.checkpoint.pool.pool import EnginePool
from pytest_vlm.errors import EngineError, MemoryBudgetError

PIECES = {name: {place: 10} for place, name in enumerate("ABCDE")}
A, B, C = map(spec, "ABC")


class OneAtATime(Loader):
    """Loads take a while, in which no other may begin."""

    busy = threading.Lock()

    def __call__(self, spec):
        assert self.busy.acquire(blocking=False), "two loads at a time"
        try:
            threading.Event().wait(0.0005)
            return super().__call__(spec)
        finally:
            self.busy.release()


def test_many_threads_get_what_they_ask_for():
    loader = OneAtATime(PIECES)
    pool = EnginePool(loader, 2, budget=lambda _: 20, timeout=60)

    def work(seed):
        draw = random.Random(seed)
        for _ in range(60):
            name = draw.choice("ABCDE")
            with pool.lease(spec(name)) as engine, pool.lease(spec(name)) as same:
                assert engine is same
                threading.Event().wait(0.0002)
                assert engine.name == name and not engine.closed
                assert len(loader.open) <= 2

    with ThreadPoolExecutor(6) as threads:
        list(threads.map(work, range(6)))
    pool.clear()
    assert loader.open == []
    assert all(engine.closed == 1 for engine in loader.engines)
    assert pool.opened == len(loader.engines)


def test_another_threads_lease_is_waited_for():
    loader = Loader(PIECES)
    pool = EnginePool(loader, timeout=60)
    with ThreadPoolExecutor(1) as threads:
        with pool.lease(A):
            waiting = threads.submit(pool.get, B)
            assert loader.names == ["A"]
        assert waiting.result().name == "B"
    assert loader.names == ["B"]


def test_a_lease_that_does_not_end_is_named():
    pool = EnginePool(Loader(PIECES), timeout=0.01)
    with pool.lease(A), ThreadPoolExecutor(1) as threads:
        refused = threads.submit(pool.get, B)
        with pytest.raises(MemoryBudgetError, match="A is leased, and was for 0 s"):
            refused.result()


def test_a_load_that_takes_too_long_is_named():
    begun, go_on = threading.Event(), threading.Event()
    loader = Loader(PIECES)

    def load(spec):
        if spec == A:
            begun.set()
            go_on.wait(60)
        return loader(spec)

    pool = EnginePool(load, 2, timeout=0.01)
    with ThreadPoolExecutor(1, thread_name_prefix="slow") as threads:
        loading = threads.submit(pool.get, A)
        begun.wait(60)
        try:
            with pytest.raises(EngineError, match=r"^A has been loading for 0 s in .*'slow_0'"):
                pool.get(B)
        finally:
            go_on.set()
        assert loading.result().name == "A"
    assert pool.get(B).name == "B"


def test_two_who_hold_one_each_are_refused_a_third():
    pool = EnginePool(Loader(PIECES), 2, timeout=60)
    both = threading.Barrier(2)

    def work(mine):
        with pool.lease(mine):
            both.wait(60)
            with pytest.raises(MemoryBudgetError, match="A, B are leased"):
                pool.get(C)
            both.wait(60)

    with ThreadPoolExecutor(2) as threads:
        list(threads.map(work, (A, B)))
    assert pool.get(C).name == "C"


def test_a_lease_may_end_in_another_thread():
    loader = Loader(PIECES)
    pool = EnginePool(loader)

    def answers():
        with pool.lease(A) as engine:
            yield engine.name

    stream = answers()
    with ThreadPoolExecutor(1) as threads:
        assert threads.submit(next, stream).result() == "A"
    stream.close()
    pool.get(B)
    assert loader.names == ["B"]


def test_an_interrupted_load_holds_up_nobody():
    loader = Loader(PIECES, fail=[KeyboardInterrupt()])
    pool = EnginePool(loader, timeout=0.01)
    with pytest.raises(KeyboardInterrupt):
        pool.get(A)
    with ThreadPoolExecutor(1) as threads:
        assert threads.submit(pool.get, B).result().name == "B"
