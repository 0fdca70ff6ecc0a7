"""A progress bar while a checkpoint answers: its text, and the drawing in pytest's terminal."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from pytest_vlm.memory.size import format_size

if TYPE_CHECKING:
    import pytest

    from pytest_vlm.protocols import Progress

WIDTH = 24


def no_progress(
    what: str, done: int, total: int, memory: int | None = None, unit: str = "samples"
) -> None:
    """Tells nobody."""


def terminal_progress(config: pytest.Config) -> Progress:
    """Draws on a terminal and nowhere else; pytest captures the output of tests, so it is let go
    for the moment of drawing.
    """
    terminal: Any = config.pluginmanager.get_plugin("terminalreporter")
    capture: Any = config.pluginmanager.get_plugin("capturemanager")
    if terminal is None or not terminal.isatty or capture is None:
        return no_progress
    started = time.monotonic()

    def show(
        what: str, done: int, total: int, memory: int | None = None, unit: str = "samples"
    ) -> None:
        nonlocal started
        with capture.global_and_fixture_disabled():
            if done == 0:
                started = time.monotonic()
                terminal.ensure_newline()
            seconds = time.monotonic() - started
            line = bar_text(what, done, total, seconds=seconds, memory=memory, unit=unit)
            terminal.rewrite(line, erase=True)
            if done == total:
                terminal.rewrite("", erase=True)
            terminal.flush()

    return show


def bar_text(
    what: str,
    done: int,
    total: int,
    *,
    seconds: float = 0.0,
    memory: int | None = None,
    unit: str = "samples",
) -> str:
    """The bar with its numbers: `done` of `total`, and how fast where it took `seconds`.

    `memory` in use is in bytes. A total of 0 is done.
    """
    filled = WIDTH * done // total if total else WIDTH
    bar = "█" * filled + "░" * (WIDTH - filled)
    line = f"  {what} {bar} {done}/{total}"
    if done and seconds > 0:
        rate = done / seconds
        line += f"  {rate:.0f} {unit}/s, {(total - done) / rate:.0f} s left"
    return line if memory is None else f"{line}, {format_size(memory)} in use"
