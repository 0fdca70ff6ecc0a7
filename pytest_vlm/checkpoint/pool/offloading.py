"""Idle weights wait in host memory, where there is room, and come back when they are asked for."""

from __future__ import annotations

from collections.abc import Callable

from pytest_vlm.checkpoint.pool.holdings import Held
from pytest_vlm.checkpoint.pool.room import unique_bytes
from pytest_vlm.memory.out_of_memory import is_out_of_memory
from pytest_vlm.protocols import ResidentEngine

HOST = "cpu"


def move_away(held: Held, host_room: Callable[[], int]) -> bool:
    """Move its weights to host memory; False where there is no room, or they lie there anyway.

    Weights on several devices stay: the way back would put them on one.
    """
    engine, storages = held.engine, held.storages
    devices = {device for device, _ in storages}
    if not isinstance(engine, ResidentEngine) or len(devices) != 1 or HOST in devices:
        return False
    if unique_bytes([storages]).total() > host_room():
        return False
    try:
        engine.move(HOST)
    except BaseException as error:
        if is_out_of_memory(error):
            return False
        held.engine.close()  # half of it may have moved: nobody can use it
        raise
    held.away = True
    return True


def bring_home(held: Held) -> int:
    """Move its weights back to the device that they were loaded on.

    Returns:
        Bytes of them.
    """
    if isinstance(held.engine, ResidentEngine):
        held.engine.move(held.home)
    held.away = False
    return unique_bytes([held.storages]).total()
