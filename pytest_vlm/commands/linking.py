"""Paths that a terminal opens on a click (OSC 8), in the terminals that can."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pytest_vlm.commands.saying import printable, say
from pytest_vlm.paths import readable

PROGRAMS = ("iTerm.app", "WezTerm", "vscode", "ghostty", "Hyper", "Tabby", "rio")
TERMS = ("xterm-kitty", "xterm-ghostty", "alacritty", "foot", "foot-extra", "contour")
SETS = ("WT_SESSION", "KONSOLE_VERSION", "DOMTERM")


def can_link(environment: Mapping[str, str]) -> bool:
    """Whether the terminal shows links; others would show the escape codes or nothing."""
    term = environment.get("TERM", "")
    vte = environment.get("VTE_VERSION", "")
    return term != "dumb" and (
        environment.get("TERM_PROGRAM") in PROGRAMS
        or term in TERMS
        or any(environment.get(name) for name in SETS)
        or (vte.isdecimal() and int(vte) >= 5000)
    )


def say_path(label: str, path: Path, environment: Mapping[str, str]) -> None:
    """Print a path behind a label, to read and, where that works, to click."""
    shown = readable(path)
    if can_link(environment):
        print(f"{label}\x1b]8;;{path.absolute().as_uri()}\x1b\\{printable(shown)}\x1b]8;;\x1b\\")
    else:
        say(f"{label}{shown}")
