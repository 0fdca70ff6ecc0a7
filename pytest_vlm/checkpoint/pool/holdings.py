"""The books of the pool: which engines are loaded, who holds them, and who goes for another one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import count
from typing import NamedTuple

from pytest_vlm.checkpoint.pool.room import Storages, choose_kept, unique_bytes
from pytest_vlm.checkpoint.pool.written import some
from pytest_vlm.checkpoint.spec import CheckpointSpec
from pytest_vlm.errors import MemoryBudgetError
from pytest_vlm.memory.estimate import Estimate
from pytest_vlm.memory.size import format_size
from pytest_vlm.protocols import Engine, ResidentEngine

HALF = ("bfloat16", "float16")


@dataclass(eq=False, kw_only=True)
class Held:
    """An engine on the books.

    Attributes:
        home: the device that it was loaded on.
        used: larger than that of every engine which was used before.
        holders: leases by thread.
        away: whether its weights wait in host memory.
        last: whether it is closed as soon as nobody holds it.
    """

    spec: CheckpointSpec
    engine: Engine
    home: str
    used: int = 0
    holders: Counter[int] = field(default_factory=Counter)
    away: bool = False
    last: bool = False

    @property
    def storages(self) -> Storages:
        """Of its weights; an engine of another kind holds nothing here."""
        return {} if self.resident is None else self.resident.storages()

    @cached_property
    def resident(self) -> ResidentEngine | None:
        """The engine, where its weights lie in this process."""
        return self.engine if isinstance(self.engine, ResidentEngine) else None


class Gone(NamedTuple):
    """An engine that was taken off the books, and the bytes that its going frees."""

    held: Held
    freed: int


class Holdings:
    """Engines by spec, so that one checkpoint loaded in two ways is two engines.

    Args:
        max_loaded: engines on their devices.
        budget: bytes on a device; None without a limit.
        shared: bytes of the first one's weights that lie in the second one's where that is loaded.
    """

    def __init__(
        self,
        max_loaded: int,
        budget: Callable[[str], int | None],
        shared: Callable[[CheckpointSpec, CheckpointSpec], int],
    ) -> None:
        self._max_loaded = max_loaded
        self._budget = budget
        self._shared = shared
        self._held: dict[CheckpointSpec, Held] = {}
        self._uses = count(1)

    def get(self, spec: CheckpointSpec) -> Held | None:
        """The engine, wherever its weights are."""
        return self._held.get(spec)

    def use(self, spec: CheckpointSpec, holder: int | None) -> Held | None:
        """The engine where it is ready: used now, and leased where there is a holder."""
        held = self._held.get(spec)
        if held is None or held.away:
            return None
        held.used = next(self._uses)
        if holder is not None:
            held.holders[holder] += 1
        return held

    def put(self, held: Held) -> None:
        """Take it on the books."""
        self._held[held.spec] = held

    def take_off(self, gone: Iterable[Held]) -> list[Gone]:
        """Take them off the books in this order; the bytes add up to what all of them free."""
        taken = []
        for held in gone:
            before = self._bytes()
            self._held.pop(held.spec, None)
            taken.append(Gone(held, before - self._bytes()))
        return taken

    def everybody(self) -> list[Held]:
        """All of them, the least recently used first."""
        return sorted(self._held.values(), key=lambda held: held.used)

    def idle(self) -> list[Held]:
        """Those that nobody holds."""
        return [held for held in self.everybody() if not held.holders]

    def leased(self) -> list[Held]:
        """Those that somebody holds."""
        return [held for held in self.everybody() if held.holders]

    def weights(self) -> Mapping[str, int]:
        """Bytes on the devices by checkpoint; a shared piece counts with the one used earlier."""
        found: dict[str, int] = {}
        seen: dict[tuple[str, int], int] = {}
        for held in self._present():
            before = sum(seen.values())
            seen.update(held.storages)
            added = sum(seen.values()) - before
            found[held.spec.name] = found.get(held.spec.name, 0) + added
        return found

    def who_goes(self, spec: CheckpointSpec, device: str, need: int) -> list[Held] | None:
        """Idle engines that go so that a checkpoint fits, the least recently used first.

        The one that it shares most with stays where that is enough: then less of it is new.

        Args:
            spec: that is not on its device yet.
            device: where it will be.
            need: bytes that it takes there beside everybody's, if nothing is shared.

        Returns:
            None where it does not fit beside those that are leased.
        """
        recent = reversed(self._present())
        partner = max(recent, key=lambda held: self._shared(spec, held.spec), default=None)
        if partner is not None and (saved := self._shared(spec, partner.spec)):
            rest = {place(device): max(need - saved, 0)}
            found = self._choose(rest, self._max_loaded - 1, partner)
            if found is not None:
                return found
        return self._choose({place(device): need}, self._max_loaded - 1)

    def who_goes_beside(self, new: Held, working: int) -> list[Held] | None:
        """The same for one that is loaded now and not on the books yet: it is counted as it is.

        Args:
            new: what was loaded.
            working: bytes that it takes beside its weights.
        """
        return self._choose({place(new.home): working}, self._max_loaded, new)

    def beside(self, spec: CheckpointSpec) -> int:
        """Bytes of the other engines' weights on a checkpoint's device, less what it shares."""
        held = self._held.get(spec)
        if held is None:
            return 0
        where = place(held.home)
        everything = unique_bytes(other.storages for other in self._present())
        return everything[where] - unique_bytes([held.storages])[where]

    def added_by(self, new: Held) -> int:
        """Bytes on its device that are not a leased engine's anyway."""
        return self._in_use(new.home, new) - self._in_use(new.home)

    def worth_waiting(self, thread: int | None, device: str, need: int) -> bool:
        """Whether it fits when the leases of other threads end; the thread's own do not."""
        budget = self._budget(place(device))
        fits = budget is None or need <= budget
        mine = any(thread in held.holders for held in self.leased())
        return fits and self._max_loaded > 0 and not mine

    def refusal(
        self, spec: CheckpointSpec, device: str, need: Estimate, waited: str = ""
    ) -> MemoryBudgetError:
        """Why a checkpoint does not get onto its device: what it needs, and who is in the way."""
        names = sorted({held.spec.name for held in self.leased()})
        holders = f"; {some(names)} {'is' if len(names) == 1 else 'are'} leased{waited}"
        holders = holders if names else ""
        budget = self._budget(place(device))
        room = None if budget is None else budget - self._in_use(device)
        if room is not None and need.total > room:
            dtype = "" if spec.load.dtype in HALF else "?dtype=bfloat16, "
            return MemoryBudgetError(
                f"{spec} will not fit: {need} > {format_size(max(room, 0))} available{holders}. "
                f"Try {dtype}a smaller --vlm-batch-size, or a larger --vlm-memory-budget"
            )
        return MemoryBudgetError(
            f"{spec} cannot be loaded: --vlm-max-loaded is {self._max_loaded}{holders}. Let go of "
            "what is leased, or allow more"
        )

    def _choose(self, need: Mapping[str, int], most: int, *fixed: Held) -> list[Held] | None:
        present = self._present()
        stays = [held for held in present if held.holders and held not in fixed] + list(fixed)
        idle = [held for held in reversed(present) if held not in stays]
        kept = choose_kept(
            [held.storages for held in stays],
            [held.storages for held in idle],
            need=need,
            budget=self._budget,
            most=most,
        )
        if kept is None:
            return None
        return [idle[at] for at in reversed(range(len(idle))) if at not in kept]

    def _in_use(self, device: str, *more: Held) -> int:
        """Bytes that leased engines, and more, take on a device."""
        leased = [held for held in self._present() if held.holders]
        return unique_bytes(held.storages for held in (*leased, *more))[place(device)]

    def _present(self) -> list[Held]:
        return [held for held in self.everybody() if not held.away]

    def _bytes(self) -> int:
        return unique_bytes(held.storages for held in self._held.values()).total()


def place(device: str) -> str:
    """``cuda`` is where tensors say ``cuda:0``; of ``cuda+cpu`` the first counts."""
    device = device.partition("+")[0]
    return f"{device}:0" if device in ("cuda", "xpu", "mps") else device
