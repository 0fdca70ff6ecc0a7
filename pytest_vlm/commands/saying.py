"""What a command prints: text of others without control characters, in what the terminal knows."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

CODES = {"bold": "1", "light": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}
KEPT = "\n\t"
NO_STYLE: Mapping[str, bool] = {}


def printable(text: str) -> str:
    """The text with a visible replacement for whatever would move the cursor or change colours."""
    return "".join(c if c.isprintable() or c in KEPT else "\N{REPLACEMENT CHARACTER}" for c in text)


def say(text: str = "", style: Mapping[str, bool] = NO_STYLE, *, error: bool = False) -> None:
    """Print a line, in colour where somebody looks at it."""
    stream = sys.stderr if error else sys.stdout
    encoding = stream.encoding or "utf-8"
    line = printable(text).encode(encoding, "replace").decode(encoding)
    codes = ";".join(code for name, code in CODES.items() if style.get(name))
    if codes and stream.isatty() and "NO_COLOR" not in os.environ:
        line = f"\x1b[{codes}m{line}\x1b[0m"
    print(line, file=stream)
