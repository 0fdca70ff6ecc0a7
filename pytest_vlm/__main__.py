"""``python -m pytest_vlm``: what is done between runs."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from pytest_vlm.errors import GoldenError, VlmError
from pytest_vlm.golden.accept import GOLDENS, accept_goldens, pending_goldens

EPILOG = """examples:
  python -m pytest_vlm accept vlm-report                 list what is pending
  python -m pytest_vlm accept vlm-report --all --reason "new resolution"
  python -m pytest_vlm accept vlm-report test_relevance.test_map/first --candidate B
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; 0 where it was done, 2 where it could not be."""
    parser = argparse.ArgumentParser(
        prog="python -m pytest_vlm",
        description="What is done between runs of pytest-vlm.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    accept = commands.add_parser(
        "accept",
        help="accept pending goldens of a run, after looking at its report",
        description="Accept pending goldens from a run's report folder. Loads no model.",
    )
    accept.add_argument("report", type=Path, metavar="REPORT_DIR")
    accept.add_argument("ids", nargs="*", metavar="ID", help="goldens to accept; none lists them")
    accept.add_argument("--all", action="store_true", help="accept every pending golden")
    accept.add_argument(
        "--candidate", metavar="NAME", help="whose maps; needed where several have pending ones"
    )
    accept.add_argument("--reason", default="", help="why; kept in the golden's provenance")
    accept.add_argument(
        "--goldens", type=Path, default=Path(GOLDENS), help=f"where to; default {GOLDENS}"
    )
    options = parser.parse_args(arguments)
    try:
        return _accept(options)
    except VlmError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


def _accept(options: argparse.Namespace) -> int:
    pending = pending_goldens(options.report)
    if not pending:
        print(f"nothing is pending in {options.report}")
        return 2 if options.ids or options.all else 0
    if not options.ids and not options.all:
        for candidate, ids in pending.items():
            print(f"{candidate}:", *ids, sep="\n  ")
        return 0
    candidate = options.candidate or next(iter(pending))
    if options.candidate is None and len(pending) > 1:
        raise GoldenError(f"several candidates have pending maps; add --candidate {candidate}")
    if candidate not in pending:
        raise GoldenError(f"nothing is pending for {candidate}; there is for {', '.join(pending)}")
    chosen = pending[candidate] if options.all else options.ids
    accept_goldens(
        options.report, options.goldens, candidate=candidate, ids=chosen, reason=options.reason
    )
    for id in chosen:
        print(f"accepted {options.goldens / id}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
