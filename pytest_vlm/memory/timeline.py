"""What happened while memory was measured: loads, answers, evictions, each with its figures."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from pytest_vlm.memory.size import format_size
from pytest_vlm.protocols import Meter

KEPT = 24
Weights = Callable[[], Mapping[str, int]]


@dataclass(frozen=True, kw_only=True)
class Moment:
    """A look at the meter when something had just come to its end.

    Attributes:
        seconds: since the block began.
        what: went on until then: ``loading B``.
        bytes: in use above the start.
        peak: the most above the start until then.
    """

    seconds: float
    what: str
    bytes: int
    peak: int


@dataclass(frozen=True, kw_only=True)
class Peak:
    """The highest of a block, and what is known of it.

    Attributes:
        bytes: above the start.
        during: what was going on.
        weights: bytes of the weights that it holds and that were not there before the block, by
            checkpoint; empty where that cannot be told.
    """

    bytes: int
    during: str
    weights: Mapping[str, int]


class Timeline:
    """Moments of one block.

    The meter's peak only rises; where it rose between two moments, the peak was in between. So the
    moments say what was going on, and which weights were there, without a look at every allocation.

    Args:
        meter: reset by the timeline when it begins, and by nobody else.
        weights: bytes of the resident weights by checkpoint, on the device of the meter.
        clock: seconds.
    """

    def __init__(
        self,
        meter: Meter,
        weights: Weights = dict,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._meter = meter
        self._weights = weights
        self._clock = clock
        self._moments: list[Moment] = []
        self._began = clock()
        self._held_before = dict(weights())
        self._held: Mapping[str, int] = self._held_before
        meter.reset()
        self._before = meter.current()
        self.peak = Peak(bytes=0, during="", weights={})

    def look(self, what: str) -> int:
        """`what` went on until now; gives the bytes in use, not those above the start.

        Checkpoints that came or went since the last look are named before it.
        """
        now, highest = self._meter.current(), self._meter.peak() - self._before
        held = dict(self._weights())
        closed = [f"closing {name}" for name in self._held if name not in held]
        loaded = [f"loading {name}" for name in held if name not in self._held]
        step = ", ".join([*closed, *loaded, what])
        if highest > self.peak.bytes:
            known = {} if closed and loaded else self._new_weights(held)
            self.peak = Peak(bytes=highest, during=step, weights=known)
        self._held = held
        moment = Moment(
            seconds=round(self._clock() - self._began, 3),
            what=step,
            bytes=now - self._before,
            peak=self.peak.bytes,
        )
        if self._moments and (self._moments[-1].what == step or len(self._moments) == KEPT):
            self._moments.pop()
        self._moments.append(moment)
        return now

    def _new_weights(self, held: Mapping[str, int]) -> dict[str, int]:
        """Those that are there now or were at the last look, less what was there before.

        Where one went and another came, nobody knows which of them met the peak.
        """
        there = {**self._held, **held}
        new = {name: size - self._held_before.get(name, 0) for name, size in there.items()}
        return {name: size for name, size in new.items() if size > 0}

    @property
    def moments(self) -> tuple[Moment, ...]:
        """In order. Of equal ones that follow each other, and of too many, the last is kept."""
        return tuple(self._moments)


def timeline_lines(moments: Sequence[Moment]) -> Iterator[str]:
    """A table for a terminal: time, in use, peak so far, and what went on until then."""
    for moment in moments:
        figures = f"{_signed(moment.bytes):>12}  {_signed(moment.peak):>12}"
        yield f"{moment.seconds:9.3f} s  {figures}  {moment.what}"


def _signed(size: int) -> str:
    return f"{'-' if size < 0 else '+'}{format_size(abs(size))}"
