"""How engines go: to host memory where there is room, or closed; and who is told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack

from pytest_vlm.checkpoint.pool.holdings import Gone, Held
from pytest_vlm.checkpoint.pool.offloading import move_away
from pytest_vlm.checkpoint.spec import CheckpointSpec
from pytest_vlm.memory.size import format_size


class Departures:
    """Sends engines away that are off the books.

    Args:
        host_room: bytes of host memory that they may be moved to.
        told: what became of a checkpoint; each thing once, or two in turn would fill the report.
    """

    def __init__(
        self, host_room: Callable[[], int], told: Callable[[CheckpointSpec, str], None]
    ) -> None:
        self._host_room = host_room
        self._told = told
        self._said: set[tuple[str, str]] = set()

    def make_room(
        self, gone: Sequence[Gone], spec: CheckpointSpec, stays: Callable[[Held], None]
    ) -> None:
        """Send them away for a checkpoint, the first one first; all go, whatever one raises.

        Args:
            gone: who goes.
            spec: for whom.
            stays: told who waits in host memory now.
        """
        why = f"to make room for {spec}"

        def send(one: Gone) -> None:
            if not move_away(one.held, self._host_room):
                self._close(one, why)
                return
            stays(one.held)
            self.say(
                one.held.spec, f"was moved to host memory {why}", f"{format_size(one.freed)} freed"
            )

        with ExitStack() as sending:
            for one in reversed(gone):
                sending.callback(send, one)

    def close(self, gone: Sequence[Gone], why: str) -> None:
        """Close them, the first one first; all are closed, whatever one raises."""
        with ExitStack() as closing:
            for one in reversed(gone):
                closing.callback(self._close, one, why)

    def say(self, spec: CheckpointSpec, event: str, figure: str = "") -> None:
        """Tell an event with its figure, the first time that it happens to the checkpoint."""
        if (spec.name, event) not in self._said:
            self._said.add((spec.name, event))
            self._told(spec, f"{event}: {figure}" if figure else event)

    def _close(self, gone: Gone, why: str) -> None:
        gone.held.engine.close()
        self.say(gone.held.spec, f"was dropped {why}", f"{format_size(gone.freed)} freed")
