"""``python -m pytest_vlm cache``: what is kept between runs."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_vlm.memory.size import format_size, parse_size
from pytest_vlm.paths import readable

if TYPE_CHECKING:
    from pytest_vlm.cache.store import Cache

EXAMPLES = """examples:
  python -m pytest_vlm cache stats                             what is kept, and how much
  python -m pytest_vlm cache prune --days 30 --max-size 5GB    delete what is not used
  python -m pytest_vlm cache prune --days 30 --dry-run         only say what would go
  python -m pytest_vlm cache verify                            read everything, drop the damaged
"""


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Put the command on the command line."""
    parser = commands.add_parser(
        "cache",
        help="look at what is kept between runs, make it smaller, check it",
        description="Answers, relevance maps and scores are kept between runs.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    stats = actions.add_parser("stats", help="what is kept, and how much")
    prune = actions.add_parser("prune", help="delete what was not used for long")
    prune.add_argument("--days", type=int, metavar="N", help="not used for more than N days")
    prune.add_argument("--max-size", metavar="SIZE", help="the longest unused, down to '5 GB'")
    prune.add_argument("--dry-run", action="store_true", help="only say what would be deleted")
    verify = actions.add_parser("verify", help="read everything; exit 1 where something is damaged")
    for action, run in ((stats, _stats), (prune, _prune), (verify, _verify)):
        action.add_argument(
            "--cache-dir", type=Path, metavar="DIR", help="default: ~/.cache/pytest-vlm"
        )
        action.set_defaults(run=run)


def _stats(options: argparse.Namespace) -> int:
    from pytest_vlm.cache.maintenance import statistics

    cache = _open(options)
    if cache is None:
        return 0
    held = statistics(cache)
    cache.close()
    print(f"{readable(cache.folder)}: {format_size(held.bytes)}")
    for table, count in held.rows.items():
        print(f"  {table:<8} {count:>12,}")
    for fingerprint, count in held.checkpoints.items():
        print(f"  checkpoint {fingerprint[:12]} {count:>12,} answers")
    if held.unused_days is not None:
        print(f"  not used for longest: {held.unused_days} days")
    return 0


def _prune(options: argparse.Namespace) -> int:
    from pytest_vlm.cache.maintenance import prune
    from pytest_vlm.errors import SettingsError

    if options.days is None and options.max_size is None:
        raise SettingsError("say what may go: --days 30, --max-size 5GB, or both")
    if options.days is not None and options.days < 0:
        raise SettingsError(f"--days {options.days} lies in the future")
    limit = None if options.max_size is None else parse_size(options.max_size)
    cache = _open(options)
    if cache is None:
        return 0
    gone = prune(cache, days=options.days, max_size=limit, dry_run=options.dry_run)
    cache.close()
    counted = ", ".join(f"{count:,} {table}" for table, count in gone.rows.items())
    verb = "would delete" if options.dry_run else "deleted"
    print(f"{verb} {counted}, {gone.strays:,} stray files: about {format_size(gone.bytes)}")
    return 0


def _verify(options: argparse.Namespace) -> int:
    from pytest_vlm.cache.maintenance import verify

    cache = _open(options)
    if cache is None:
        return 0
    path = cache.database.path
    cache.database.check()
    damaged = verify(cache, _bar)
    cache.close()
    lost = cache.database.path != path
    if lost:
        print(f"{readable(path)} is damaged; everything in it is asked again")
    elif any(damaged.values()):
        print(f"{sum(damaged.values())} damaged entries were dropped; they are asked again")
    else:
        print(f"everything in {readable(cache.folder)} is whole")
    return int(lost or any(damaged.values()))


def _open(options: argparse.Namespace) -> Cache | None:
    """The cache, or None where there is none yet; to look at a folder makes none."""
    from pytest_vlm.cache.folder import default_folder
    from pytest_vlm.cache.store import Cache

    cache = Cache(options.cache_dir or default_folder(os.environ), told=_say)
    if cache.database.path.exists():
        return cache
    print(f"nothing is kept in {readable(cache.folder)}")
    return None


def _say(sentence: str) -> None:
    print(sentence, file=sys.stderr)


def _bar(done: int, total: int) -> None:
    if sys.stderr.isatty():
        end = "\n" if done == total else ""
        print(f"\r  read {done:,} of {total:,}", end=end, file=sys.stderr, flush=True)
