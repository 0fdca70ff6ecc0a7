"""Which loaded checkpoints stay so that another one fits: a decision over plain numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence

Storages = Mapping[tuple[str, int], int]
"""Bytes of each piece of memory, by device and address."""


def unique_bytes(residents: Iterable[Storages]) -> Counter[str]:
    """Bytes by device; a piece that several share counts once."""
    pieces = {piece: size for storages in residents for piece, size in storages.items()}
    total = Counter[str]()
    for (device, _), size in pieces.items():
        total[device] += size
    return total


def choose_kept(
    fixed: Sequence[Storages],
    idle: Sequence[Storages],
    *,
    need: Mapping[str, int],
    budget: Callable[[str], int | None],
    most: int,
) -> list[int] | None:
    """Who of the idle ones may stay beside what is fixed and what is needed.

    From the most recently used to the least, each one stays that still fits. So the least recently
    used go first, nobody goes whose going would free nothing that is needed, and nobody who stayed
    could have gone in place of one who was used later.

    Args:
        fixed: those in use, which cannot go.
        idle: the others, the most recently used first.
        need: bytes by device that must be free beside all who stay.
        budget: bytes on a device; None without a limit.
        most: how many may stay, fixed ones included.

    Returns:
        Positions in `idle`, or None where it does not fit even without all of them.
    """
    stays: list[Storages] = []
    kept: list[int] = []

    def fits(*more: Storages) -> bool:
        together = [*fixed, *stays, *more]
        if len(together) > most:
            return False
        used = unique_bytes(together)
        used.update(need)
        limits = {device: budget(device) for device in used}
        return all(limit is None or used[device] <= limit for device, limit in limits.items())

    if not fits():
        return None
    for place, storages in enumerate(idle):
        if fits(storages):
            stays.append(storages)
            kept.append(place)
    return kept
