"""What a run does where memory runs out: a policy over callables, down rung by rung.

Let go of the failed attempt and of what is idle, and try once more; then halve the batch, then
leave a part of the weights in the CPU's memory, then compute on the CPU, then give up. Weights that
do not fit, which the pool tried to load twice, go past the first two. A rung holds for the whole
run, because both sides of a comparison must be asked alike; nothing climbs up again.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import Literal, TypeVar

from pytest_vlm.checkpoint.device import OFFLOADED
from pytest_vlm.checkpoint.spec import CheckpointSpec
from pytest_vlm.errors import EngineError
from pytest_vlm.memory.out_of_memory import is_out_of_memory
from pytest_vlm.memory.release import clear_frames
from pytest_vlm.memory.size import format_size
from pytest_vlm.protocols import Meter

Placement = Literal["as asked", "offload", "cpu"]
PLACEMENTS: tuple[Placement, ...] = ("as asked", "offload", "cpu")
SOURCE_LINE = re.compile(r"^\[enforce fail at [^\]]*\] err == 0\. ")
T = TypeVar("T")


class OutOfMemory(EngineError):
    """Memory ran out, and no rung is left; the message has every step."""


class CannotFollow(OutOfMemory):
    """Memory ran out for another checkpoint, and this one cannot be asked as that one is now."""


@dataclass(frozen=True, kw_only=True)
class Rung:
    """How a run computes.

    Attributes:
        batch_size: samples a batch, at most.
        placement: where the weights lie.
    """

    batch_size: int
    placement: Placement = "as asked"


class Ladder:
    """Where a run stands, and how it gets down.

    Attributes:
        rung: on which everything is computed now.

    Args:
        batch_size: as asked.
        device: that a checkpoint runs on, loaded as its spec says.
        meter: of that device; None where nothing can be measured.
        evict: drops idle checkpoints, but not the one that is given.
        empty_cache: gives back what a device's allocator keeps for later.
        told: every step, on behalf of a checkpoint.
    """

    def __init__(
        self,
        *,
        batch_size: int,
        device: Callable[[CheckpointSpec], str],
        meter: Callable[[CheckpointSpec], Meter | None],
        evict: Callable[[CheckpointSpec | None], object],
        empty_cache: Callable[[str], None],
        told: Callable[[CheckpointSpec, str], None],
    ) -> None:
        self.rung = self._asked = Rung(batch_size=batch_size)
        self._device = device
        self._meter = meter
        self._evict = evict
        self._empty_cache = empty_cache
        self._told = told
        self._rows = 0
        self._first = self._cause = ""

    @property
    def degraded(self) -> str:
        """What is otherwise than asked, and why; empty on the first rung."""
        if self.rung == self._asked:
            return ""
        return f"answered with {_changes(self._asked, self.rung)} after {self._cause}"

    def placed(self, spec: CheckpointSpec) -> CheckpointSpec:
        """The checkpoint, loaded where the rung says; one that is on the CPU stays there."""
        placement = self.rung.placement
        if placement == "as asked" or (device := self._device(spec)) == "cpu":
            return spec
        if placement == "cpu":
            device = "cpu"
        elif not _why_not(placement, device):
            device += OFFLOADED
        return replace(spec, load=replace(spec.load, device=device))

    def asking(self, rows: int) -> None:
        """Told what the memory is needed for next: so many rows of a batch, or weights (0)."""
        self._rows = rows

    def climb(self, spec: CheckpointSpec, work: Callable[[], T]) -> T:
        """Do the work on the rung on which it fits; it looks at the rung whenever it is called.

        Raises:
            OutOfMemory: it fits on none.
            CannotFollow: it does not fit where another checkpoint made the run go, or it answers on
                a server, which loads it as it likes.
            Exception: whatever else the work raised, unchanged.
        """
        steps: list[str] = []
        while True:
            self._check_follows(spec)
            self._rows = 0
            try:
                return work()
            except Exception as error:
                if not is_out_of_memory(error):
                    raise
                failure = error
            # Behind the block nothing but `failure` holds the frames that failed.
            said, before = _first_line(failure), self._in_use(spec)
            clear_frames(failure)
            del failure
            self._step_down(spec, said, before, steps)

    def _check_follows(self, spec: CheckpointSpec) -> None:
        if spec.on_server and self.rung.placement != "as asked":
            raise CannotFollow(
                f"{spec.name} is on a server and cannot be asked as the others are: {self.degraded}"
            )

    def _step_down(
        self, spec: CheckpointSpec, said: str, before: int | None, steps: list[str]
    ) -> None:
        """Free what can be freed. Where that was done before, go down a rung."""

        def tell(step: str) -> None:
            steps.append(step)
            self._told(spec, step)

        device, rung = self._device(self._measured(spec)), self.rung
        asked = f"a batch of {self._rows}" if self._rows else "its weights"
        in_use = "" if before is None else f" beside {format_size(before)} in use"
        failed = f"out of memory on {device} for {asked}{in_use} ({said})"
        first = not steps and self._rows > 0  # loads are tried twice by the pool
        below, skipped = (rung, list[str]()) if first else self._below(device)
        for why in skipped:
            tell(why)
        if below is None:
            tell(f"{failed}; nothing is left to try")
            follows = self.rung != self._asked and self._first != spec.name
            kind = CannotFollow if follows else OutOfMemory
            raise kind(_given_up(spec, steps))
        moved = below.placement != rung.placement
        self._evict(None if moved or not self._rows else self.placed(spec))
        self._empty_cache(device)
        freed = ""
        if before is not None and (after := self._in_use(spec)) is not None:
            freed = f"freed {format_size(max(before - after, 0))}; "
        if first:
            tell(f"{failed}; {freed}trying once more")
            return
        if not self._cause:
            self._first, self._cause = spec.name, f"{spec.name} ran out of memory on {device}"
        self.rung = below
        tell(f"{failed}; {freed}going on with {_changes(rung, below)}")

    def _below(self, device: str) -> tuple[Rung | None, list[str]]:
        """The next rung, and why others are skipped; smaller batches make no room for weights."""
        rows = min(self._rows, self.rung.batch_size)
        if rows > 1:
            return replace(self.rung, batch_size=rows // 2), []
        skipped: list[str] = []
        for placement in PLACEMENTS[PLACEMENTS.index(self.rung.placement) + 1 :]:
            why_not = _why_not(placement, device)
            if not why_not:
                return replace(self.rung, placement=placement), skipped
            skipped.append(why_not)
        return None, skipped

    def _in_use(self, spec: CheckpointSpec) -> int | None:
        """Bytes on the device, of what somebody holds."""
        meter = self._meter(self._measured(spec))
        return None if meter is None else meter.current()

    def _measured(self, spec: CheckpointSpec) -> CheckpointSpec:
        """It, as its device is measured: what is offloaded runs out of memory on the card."""
        return spec if self.rung.placement == "offload" else self.placed(spec)


def _changes(before: Rung, now: Rung) -> str:
    changes = []
    if now.batch_size != before.batch_size:
        changes.append(f"batch size {now.batch_size} instead of {before.batch_size}")
    if now.placement != before.placement:
        where = "on the CPU" if now.placement == "cpu" else "in the CPU's memory"
        changes.append(f"the weights {where}")
    return " and ".join(changes)


def _why_not(placement: Placement, device: str) -> str:
    """Why a checkpoint on this device cannot be placed there; empty where it can."""
    if placement == "cpu":
        return "no move to the CPU: it computes there" if device == "cpu" else ""
    if device.partition(":")[0] not in ("cuda", "xpu"):
        return f"no offload: there is none for {device}"
    if find_spec("accelerate") is None:
        return "no offload: it needs accelerate; pip install accelerate"
    return ""


def _given_up(spec: CheckpointSpec, steps: list[str]) -> str:
    listed = "".join(f"\n  {number}. {step}" for number, step in enumerate(steps, 1))
    return (
        f"{spec.name} does not fit into memory, whatever was tried. Use fewer visual tokens "
        "(--vlm-max-pixels) or shorter answers (--vlm-max-new-tokens), a smaller dtype "
        f"(--checkpoint '{spec.name}=...?dtype=bfloat16'), or a larger machine. Tried:{listed}"
    )


def _first_line(error: BaseException) -> str:
    """What it says of the allocation; torch adds where in its source, and advice further on."""
    lines = str(error).strip().splitlines()
    return SOURCE_LINE.sub("", lines[0]) if lines else type(error).__name__
