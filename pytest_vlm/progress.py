"""A progress bar in pytest's terminal while a checkpoint answers."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from pytest_vlm.memory.size import format_size

if TYPE_CHECKING:
    from pytest_vlm.protocols import Progress

WIDTH = 24


def terminal_progress(config: pytest.Config) -> Progress:
    """Draws on a terminal and nowhere else; pytest captures the output of tests, so it is let go
    for the moment of drawing.
    """
    terminal: Any = config.pluginmanager.get_plugin("terminalreporter")
    capture: Any = config.pluginmanager.get_plugin("capturemanager")
    if terminal is None or not terminal.isatty or capture is None:
        return lambda what, done, total, memory=None: None
    started = time.monotonic()

    def show(what: str, done: int, total: int, memory: int | None = None) -> None:
        nonlocal started
        with capture.global_and_fixture_disabled():
            if done == 0:
                started = time.monotonic()
                terminal.ensure_newline()
            bar = _bar(what, done, total, time.monotonic() - started)
            terminal.rewrite(f"{bar}{_in_use(memory)}", erase=True)
            if done == total:
                terminal.rewrite("", erase=True)
            terminal.flush()

    return show


def _bar(what: str, done: int, total: int, seconds: float) -> str:
    filled = WIDTH * done // total if total else WIDTH
    bar = "█" * filled + "░" * (WIDTH - filled)
    line = f"  {what} {bar} {done}/{total}"
    if done and seconds > 0:
        rate = done / seconds
        line += f"  {rate:.0f} samples/s, {(total - done) / rate:.0f} s left"
    return line


def _in_use(memory: int | None) -> str:
    return "" if memory is None else f", {format_size(memory)} in use"
