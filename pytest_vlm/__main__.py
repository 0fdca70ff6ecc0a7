"""``python -m pytest_vlm``: what is done between runs."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from pytest_vlm.commands import accept, cache, checkpoints, compare, plan
from pytest_vlm.commands.saying import say
from pytest_vlm.errors import VlmError

NOBODY_READS = 128 + 13  # what a shell says of a program that SIGPIPE ended; 1 is a verdict


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; 0 where it was done, 2 where it could not be, 141 where nobody reads on."""
    try:
        try:
            return _run(arguments)
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        # Python flushes once more when it ends, and would complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return NOBODY_READS


def _run(arguments: Sequence[str] | None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m pytest_vlm",
        description="What is done between runs of pytest-vlm. Each command has its own --help.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for command in (compare, plan, checkpoints, accept, cache):
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
