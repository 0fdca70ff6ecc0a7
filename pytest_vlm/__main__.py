"""``python -m pytest_vlm``: what is done between runs."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from pytest_vlm.commands import accept, cache, compare
from pytest_vlm.commands.saying import say
from pytest_vlm.errors import VlmError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; 0 where it was done, 2 where it could not be."""
    parser = argparse.ArgumentParser(
        prog="python -m pytest_vlm",
        description="What is done between runs of pytest-vlm. Each command has its own --help.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for command in (compare, accept, cache):
        command.add_parser(commands)
    options = parser.parse_args(arguments)
    try:
        code: int = options.run(options)
    except VlmError as error:
        say(f"error: {error}", error=True)
        return 2
    return code


if __name__ == "__main__":
    sys.exit(main())
