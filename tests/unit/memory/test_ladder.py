"""Down rung by rung, never up, and never on without an end."""

from __future__ import annotations

import gc
import weakref
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_vlm.checkpoint.spec import CheckpointSpec, parse_checkpoint
from pytest_vlm.memory import ladder as module
from pytest_vlm.memory.ladder import PLACEMENTS, CannotFollow, Ladder, OutOfMemory, Rung
from pytest_vlm.settings import LoadSettings

A = CheckpointSpec(name="A", source="a")
MIB = 1 << 20


@dataclass
class Device:
    """In use: what is loaded and idle, in MiB, and what a failed attempt holds."""

    name: str = "cuda:0"
    idle: int = 0

    @property
    def device(self) -> str:
        return self.name

    def current(self) -> int:
        return (100 + self.idle) * MIB


class Room:
    """A ladder over a device, and what it said and did."""

    def __init__(self, device: str = "cuda:0", batch_size: int = 16) -> None:
        self.device = Device(device)
        self.told: list[str] = []
        self.evicted: list[str] = []
        self.emptied: list[str] = []
        self.tried: list[Rung] = []
        self.ladder = Ladder(
            batch_size=batch_size,
            device=lambda spec: device if spec.load.device == "auto" else spec.load.device,
            meter=lambda spec: self.device,
            evict=self.evict,
            empty_cache=self.emptied.append,
            told=lambda spec, event: self.told.append(event),
        )

    def evict(self, kept: CheckpointSpec | None) -> None:
        self.evicted.append("all" if kept is None else f"all but {kept.name}")
        self.device.idle = 0

    def climb(self, fits, rows: int | None = None, spec: CheckpointSpec = A):
        """Work that is done where `fits` says so of the rung; by default its batches are full."""

        def work() -> Rung:
            rung = self.ladder.rung
            self.tried.append(rung)
            self.ladder.asking(rung.batch_size if rows is None else rows)
            if not fits(rung):
                raise MemoryError("no room")
            return rung

        return self.ladder.climb(spec, work)


@pytest.fixture(autouse=True)
def accelerate(monkeypatch):
    """Installed, unless a test says that it is not."""
    monkeypatch.setattr(module, "find_spec", lambda name: name)


def test_what_fits_stays_as_asked():
    room = Room()
    assert room.climb(lambda rung: True) == Rung(batch_size=16)
    assert (room.told, room.ladder.degraded, room.ladder.placed(A)) == ([], "", A)


def test_first_idle_checkpoints_go_and_the_same_is_tried_again():
    room = Room()
    room.device.idle = 28
    assert room.climb(lambda rung: room.device.idle == 0) == Rung(batch_size=16)
    assert (room.evicted, room.emptied) == (["all but A"], ["cuda:0"])
    assert room.told == [
        "out of memory on cuda:0 for a batch of 16 beside 128.0 MiB in use (no room); "
        "freed 28.0 MiB; trying once more"
    ]
    assert room.ladder.degraded == ""


def test_then_the_batch_is_halved():
    room = Room()
    assert room.climb(lambda rung: rung.batch_size <= 4) == Rung(batch_size=4)
    assert [rung.batch_size for rung in room.tried] == [16, 16, 8, 4]
    assert room.told[-1] == (
        "out of memory on cuda:0 for a batch of 8 beside 100.0 MiB in use (no room); "
        "freed 0 B; going on with batch size 4 instead of 8"
    )
    assert room.ladder.degraded == (
        "answered with batch size 4 instead of 16 after A ran out of memory on cuda:0"
    )


def test_half_of_what_was_asked_not_of_what_may_be():
    """Batches of long prompts hold fewer rows than they may."""
    room = Room()
    room.climb(lambda rung: rung.batch_size < 5, rows=5)
    assert [rung.batch_size for rung in room.tried] == [16, 16, 2]


def test_then_offload_then_the_cpu():
    room = Room(batch_size=2)
    spec = replace(A, load=LoadSettings(device="cuda:1"))
    devices: list[str] = []

    def work() -> None:
        devices.append(room.ladder.placed(spec).load.device)
        room.ladder.asking(room.ladder.rung.batch_size)
        if devices[-1] != "cpu":
            raise MemoryError

    room.ladder.climb(spec, work)
    assert devices == ["cuda:1", "cuda:1", "cuda:1", "cuda:1+cpu", "cpu"]
    assert room.evicted == ["all but A", "all but A", "all", "all"]
    assert room.ladder.degraded == (
        "answered with batch size 1 instead of 2 and the weights on the CPU "
        "after A ran out of memory on cuda:1"
    )


def test_a_failed_load_halves_no_batch():
    room = Room()
    assert room.climb(lambda rung: rung.placement == "cpu", rows=0) == Rung(
        batch_size=16, placement="cpu"
    )
    assert [rung.placement for rung in room.tried] == ["as asked", "offload", "cpu"]
    assert room.told[0] == (
        "out of memory on cuda:0 for its weights beside 100.0 MiB in use (no room); "
        "freed 0 B; going on with the weights in the CPU's memory"
    )
    assert set(room.evicted) == {"all"}


def test_without_accelerate_offload_is_skipped_and_said(monkeypatch):
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    room = Room(batch_size=1)
    assert room.climb(lambda rung: rung.placement == "cpu").placement == "cpu"
    assert room.told[1] == "no offload: it needs accelerate; pip install accelerate"


def test_on_the_cpu_there_is_only_the_batch_and_the_end_names_every_step():
    room = Room("cpu", batch_size=2)
    with pytest.raises(OutOfMemory) as caught:
        room.climb(lambda rung: False)
    assert [rung.batch_size for rung in room.tried] == [2, 2, 1]
    assert room.told[2:4] == [
        "no offload: there is none for cpu",
        "no move to the CPU: it computes there",
    ]
    for number, step in enumerate(room.told, 1):
        assert f"\n  {number}. {step}" in str(caught.value)
    assert "--vlm-max-pixels" in str(caught.value)
    assert caught.value.__context__ is None


def test_a_rung_holds_for_whoever_comes_next():
    room = Room()
    room.climb(lambda rung: rung.placement == "offload")
    other = CheckpointSpec(name="B", source="b", load=LoadSettings(device="cpu"))
    assert room.climb(lambda rung: True, spec=other) == Rung(batch_size=1, placement="offload")
    assert room.ladder.placed(other) == other
    assert "after A ran out" in room.ladder.degraded


def test_who_does_not_fit_where_another_one_had_to_go_cannot_follow():
    room, other = Room(batch_size=2), replace(A, name="B")
    room.climb(lambda rung: rung.placement == "cpu")
    with pytest.raises(CannotFollow, match="B does not fit"):
        room.climb(lambda rung: False, spec=other)
    with pytest.raises(OutOfMemory) as caught:
        room.climb(lambda rung: False)
    assert caught.type is OutOfMemory


def test_a_server_takes_smaller_batches_and_cannot_be_moved():
    room, remote = Room(batch_size=2), parse_checkpoint("B=http://127.0.0.1:1/v1#m")
    room.climb(lambda rung: rung.batch_size == 1)
    assert room.climb(lambda rung: True, spec=remote) == Rung(batch_size=1)
    room.climb(lambda rung: rung.placement == "offload")
    with pytest.raises(CannotFollow, match=r"a server.* in the CPU's memory after A"):
        room.climb(lambda rung: True, spec=remote)


class Tensor:
    """Something large that a frame holds."""


def test_a_failed_attempt_is_gone_before_the_next_one():
    """Even where somebody keeps the errors, as debuggers, futures and reference cycles do."""
    room, tensors, errors = Room(), [], []

    def allocate() -> None:
        tensor = Tensor()
        tensors.append(weakref.ref(tensor))
        raise KeyError("no block is free")

    def attempt() -> None:
        tensor = Tensor()
        tensors.append(weakref.ref(tensor))
        try:
            allocate()
        except KeyError as error:
            errors.append(RuntimeError("CUDA out of memory"))
            raise errors[-1] from error

    def work() -> None:
        assert not [ref for ref in tensors if ref() is not None]
        room.ladder.asking(room.ladder.rung.batch_size)
        if len(errors) < 4:
            attempt()

    gc.disable()  # reference counts alone must do
    try:
        room.ladder.climb(A, work)
    finally:
        gc.enable()
    assert len(tensors) == 8


def test_another_error_comes_through_at_once_and_nothing_holds_its_frames():
    room, held = Room(), []
    error = RuntimeError("CUDA error: an illegal memory access was encountered")

    def work() -> None:
        tensor = Tensor()
        held.append(weakref.ref(tensor))
        raise error

    gc.disable()
    try:
        with pytest.raises(RuntimeError) as caught:
            room.ladder.climb(A, work)
        assert caught.value is error
        del caught
        error.__traceback__ = None
        assert held[0]() is None
    finally:
        gc.enable()
    assert (len(held), room.told, room.evicted) == (1, [], [])


ROWS = st.integers(0, 40)


@given(
    batch_size=st.integers(1, 64),
    device=st.sampled_from(["cpu", "cuda", "xpu:1", "mps"]),
    works=st.lists(st.lists(st.one_of(ROWS, st.none()), max_size=20), max_size=4),
)
def test_every_sequence_of_failures_ends(batch_size, device, works):
    """Each work fails so often, for so many rows (None: in another way), and then it would fit."""
    room = Room(device, batch_size)
    steps = batch_size.bit_length() + 3  # once more, every half, offload and the CPU
    for failures in works:
        room.tried.clear()
        left = iter(failures)

        def work(left=left) -> bool:
            room.tried.append(room.ladder.rung)
            for rows in left:
                if rows is None:
                    raise ValueError
                room.ladder.asking(rows)
                raise MemoryError
            return True

        before = room.ladder.rung
        with suppress(OutOfMemory, ValueError):
            assert room.ladder.climb(A, work)
        assert len(room.tried) <= steps
        rungs = [before, *room.tried, room.ladder.rung]
        for one, then in pairwise(rungs):
            assert then.batch_size <= one.batch_size
            assert PLACEMENTS.index(then.placement) >= PLACEMENTS.index(one.placement)
        assert bool(room.ladder.degraded) == (room.ladder.rung != Rung(batch_size=batch_size))
