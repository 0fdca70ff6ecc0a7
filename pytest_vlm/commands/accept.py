"""``python -m pytest_vlm accept``: pending goldens of a run, after somebody looked at them."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_vlm.commands.saying import say
from pytest_vlm.errors import GoldenError
from pytest_vlm.golden import GOLDENS
from pytest_vlm.paths import readable

if TYPE_CHECKING:
    from pytest_vlm.golden.accepting.pending import PendingFolder, PendingGolden

EXAMPLES = """examples:
  python -m pytest_vlm accept vlm-report
      one pending golden after the other: accept, reject or skip it; without a terminal, list them
  python -m pytest_vlm accept vlm-report --all --reason "trained at a higher resolution"
  python -m pytest_vlm accept vlm-report test_relevance.test_map/first
      one; an id is the test, a slash, and the golden's name
  python -m pytest_vlm accept vlm-report "test_relevance.*" --candidate B
      all of a module; where several candidates have one, say whose

what happens:
  Everything is read from the report folder, no model is loaded. A golden is replaced whole or not
  at all. Who, when and why are kept beside it: who as git knows you, why from --reason.
  What is damaged, or not of this run, is refused by name; the others are accepted.
  Where CI is set, --reason is needed: nobody looks at pictures there.

exit status: 0 done, 2 nothing matched or something was refused, 130 interrupted
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
    parser.add_argument(
        "ids", nargs="*", metavar="ID", help="goldens to accept, also as a pattern with * and ?"
    )
    parser.add_argument("--all", action="store_true", help="accept every pending golden")
    parser.add_argument(
        "--candidate", metavar="NAME", help="whose; needed where several have the same one"
    )
    parser.add_argument("--reason", help="why; kept in the golden's provenance")
    parser.add_argument("--goldens", type=Path, metavar="DIR", help=f"where to; default {GOLDENS}")
    parser.set_defaults(run=_accept)


def _accept(options: argparse.Namespace) -> int:
    from pytest_vlm.golden.accepting.pending import PendingFolder

    if options.ids and options.all:
        raise GoldenError("give ids or --all, not both")
    folder = PendingFolder(options.report)
    pending = _of_candidate(folder.goldens(), options.candidate)
    if not pending:
        say(f"nothing is pending in {options.report}")
        return 2 if options.ids or options.all else 0
    if options.ids or options.all:
        chosen = _chosen(pending, options)
        _check_reason(options)
        return _accept_each(folder, chosen, options)
    if sys.stdin.isatty() and sys.stdout.isatty():
        from pytest_vlm.commands.reviewing import Review

        _check_reason(options)
        goldens = _goldens(pending, options)
        return Review(folder, goldens=goldens, reason=options.reason).of(pending)
    return _list(folder, pending)


def _of_candidate(pending: list[PendingGolden], candidate: str | None) -> list[PendingGolden]:
    if candidate is None or not pending:
        return pending
    found = [one for one in pending if one.candidate == candidate]
    if not found:
        others = ", ".join(_candidates(pending))
        raise GoldenError(f"nothing is pending for {candidate}; there is for {others}")
    return found


def _chosen(pending: Sequence[PendingGolden], options: argparse.Namespace) -> list[PendingGolden]:
    """What is to be accepted; a wrong word accepts nothing."""
    if options.all:
        chosen = list(pending)
    else:
        for pattern in options.ids:
            if not any(fnmatchcase(one.id, pattern) for one in pending):
                known = ", ".join(sorted({one.id for one in pending}))
                raise GoldenError(f"{pattern!r} is not pending; pending are: {known}")
        chosen = [one for one in pending if any(fnmatchcase(one.id, p) for p in options.ids)]
    candidates = _candidates(one for one in chosen if not one.problem)
    if len(candidates) > 1:
        raise GoldenError(
            "several candidates have pending goldens, and a golden is one candidate's; say whose:\n"
            + "\n".join(f"  {_command(options, candidate)}" for candidate in candidates)
        )
    return chosen


def _candidates(pending: Iterable[PendingGolden]) -> list[str]:
    return list(dict.fromkeys(one.candidate for one in pending))


def _command(options: argparse.Namespace, candidate: str) -> str:
    words = ["python", "-m", "pytest_vlm", "accept", str(options.report), *options.ids]
    words += ["--all"] if options.all else []
    words += ["--candidate", candidate]
    words += ["--reason", options.reason] if options.reason else []
    words += ["--goldens", str(options.goldens)] if options.goldens else []
    return shlex.join(words)


def _check_reason(options: argparse.Namespace) -> None:
    from pytest_vlm.golden.accepting.signature import in_ci

    if in_ci(os.environ) and not (options.reason or "").strip():
        raise GoldenError(
            "CI is set, and nobody looks at pictures there. Download the report folder and accept "
            'where you can look at it; or say who approved it: --reason "approved by ... in ..."'
        )


def _goldens(pending: Iterable[PendingGolden], options: argparse.Namespace) -> Path:
    """Where accepted ones go; a report may come from anywhere, so it does not decide that."""
    from pytest_vlm.golden.accepting.accept import goldens_of

    if options.goldens is not None:
        given: Path = options.goldens
        return given
    for one in pending:
        named = goldens_of(one.record.accept) if one.record else ""
        if named:
            raise GoldenError(
                f"the goldens of this run are in {named!r}, not in {GOLDENS}; add --goldens with "
                "their folder"
            )
    return Path(GOLDENS)


def _accept_each(
    folder: PendingFolder, chosen: Sequence[PendingGolden], options: argparse.Namespace
) -> int:
    from pytest_vlm.commands.reviewing import INTERRUPTED
    from pytest_vlm.golden.accepting.accept import accept
    from pytest_vlm.golden.accepting.signature import Signature

    goldens = _goldens(chosen, options)
    signature = Signature.now(why=options.reason or "", run=folder.origin.told)
    refused = 0
    for one in chosen:
        try:
            golden = accept(folder, one, goldens, signature)
        except GoldenError as error:
            refused += 1
            say(" ".join(f"refused: {error}".split()), error=True)
        except KeyboardInterrupt:
            say("interrupted; what was not accepted stays pending: run it again", error=True)
            return INTERRUPTED
        else:
            say(f"accepted {readable(goldens / golden.id)}")
    return 2 if refused else 0


def _list(folder: PendingFolder, pending: Sequence[PendingGolden]) -> int:
    refused = 0
    for candidate in _candidates(pending):
        say(f"{candidate}:")
        for one in pending:
            if one.candidate != candidate:
                continue
            try:
                folder.load(one)
            except GoldenError as error:
                refused += 1
                say(" ".join(f"refused: {error}".split()), error=True)
            else:
                say(f"  {one.id}")
    return 2 if refused else 0
