"""At most so many loaded checkpoints; the one that was idle longest goes first."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from pytest_vlm.checkpoint.pool import EnginePool
from pytest_vlm.checkpoint.spec import CheckpointSpec
from pytest_vlm.errors import EngineError

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
