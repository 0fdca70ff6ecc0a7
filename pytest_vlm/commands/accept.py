"""``python -m pytest_vlm accept``: pending goldens of a run, after somebody looked at them."""

from __future__ import annotations

import argparse
from pathlib import Path

from pytest_vlm.errors import GoldenError
from pytest_vlm.golden import GOLDENS

EXAMPLES = """examples:
  python -m pytest_vlm accept vlm-report                 list what is pending
  python -m pytest_vlm accept vlm-report --all --reason "new resolution"
  python -m pytest_vlm accept vlm-report test_relevance.test_map/first --candidate B
"""


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Put the command on the command line."""
    parser = commands.add_parser(
        "accept",
        help="accept pending goldens of a run, after looking at its report",
        description="Accept pending goldens from a run's report folder. Loads no model.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("report", type=Path, metavar="REPORT_DIR")
    parser.add_argument("ids", nargs="*", metavar="ID", help="goldens to accept; none lists them")
    parser.add_argument("--all", action="store_true", help="accept every pending golden")
    parser.add_argument(
        "--candidate", metavar="NAME", help="whose maps; needed where several have pending ones"
    )
    parser.add_argument("--reason", default="", help="why; kept in the golden's provenance")
    parser.add_argument(
        "--goldens", type=Path, default=Path(GOLDENS), help=f"where to; default {GOLDENS}"
    )
    parser.set_defaults(run=_accept)


def _accept(options: argparse.Namespace) -> int:
    from pytest_vlm.golden.accept import accept_goldens, pending_goldens

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
