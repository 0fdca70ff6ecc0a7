"""What a block of work took of a device's memory, or what a test kept of it, in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from pytest_vlm.memory.size import format_size
from pytest_vlm.memory.timeline import Moment, timeline_lines


@dataclass(frozen=True, kw_only=True)
class MemoryUse:
    """What a block of work took, or what was kept after it.

    Attributes:
        measure: ``peak`` or ``leak``.
        device: what was measured.
        bytes: above the start; None where not measured.
        limit: bytes allowed; None without a limit.
        parts: of a peak, bytes by what they are; empty where nothing is known of it.
        figures: what else the meter told; for information.
        moments: what happened on the way.
        summary: what the device's own library says of it, some lines long.
        kept: of a leak, what is still there, and what holds it; a holder may be unknown.
        why: it was not measured, where that can be told.
    """

    measure: Literal["peak", "leak"]
    device: str
    bytes: int | None
    limit: int | None
    parts: Mapping[str, int] = field(default_factory=dict)
    figures: Mapping[str, int] = field(default_factory=dict)
    moments: tuple[Moment, ...] = ()
    summary: str = ""
    kept: Mapping[str, str] = field(default_factory=dict)
    why: str = ""

    @property
    def within(self) -> bool:
        """Whether the limit held; a limit that could not be measured did not, nor did a leak."""
        if self.limit is None:
            return True
        return self.bytes is not None and self.bytes <= self.limit and not self.kept

    def __str__(self) -> str:
        limited = f"limited to {format_size(self.limit)}, " if self.limit is not None else ""
        if self.bytes is None:
            why = f" ({self.why})" if self.why else ""
            return f"{limited}not measured on {self.device}{why}{self._said_kept()}"
        verb = "allocated" if self.measure == "peak" else "leaked"
        made_of = ", ".join(f"{format_size(size)} {name}" for name, size in self.parts.items())
        took = f"{limited}{verb} {format_size(self.bytes)} on {self.device}"
        return took + (f": {made_of}" if made_of else "") + self._said_kept()

    def _said_kept(self) -> str:
        told = (
            f"{what} is still there, held by {holder or 'something that could not be named'}"
            for what, holder in self.kept.items()
        )
        return "".join(f"; {one}" for one in told)

    def account(self) -> str:
        """The use, its figures and its timeline, as lines for a terminal."""
        return "\n".join(self._account())

    def _account(self) -> Iterator[str]:
        yield str(self)
        for name, size in self.figures.items():
            yield f"{format_size(size):>12}  {name}"
        if self.moments:
            yield f"{'time':>11}  {'in use':>12}  {'peak so far':>12}  until then"
            yield from timeline_lines(self.moments)
        if self.summary:
            yield self.summary
