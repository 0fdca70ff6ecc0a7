"""``python -m pytest_vlm compare``: two sample logs, without a GPU and without moving anything."""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_vlm.report.model import ClaimRecord, RunReport
    from pytest_vlm.stats.result import Claim

EXAMPLES = """examples:
  python -m pytest_vlm compare A.jsonl B.jsonl --score exact_match --margin 0.02
  python -m pytest_vlm compare old=A.jsonl new=B.jsonl                 only the numbers
  python -m pytest_vlm compare A.jsonl B.jsonl --score log:acc --claim better
  python -m pytest_vlm compare A.eval B.eval --score log:match --margin 0.05 --cluster metadata.id

scores: any of ours (exact_match, anls, choice, relaxed_accuracy, exact_match:last_number, ...),
judged anew from answer and target; or log:METRIC, as the tool itself judged.
exit status: 0 the claim is shown, 1 it is not, 2 it could not be made.
"""
QUESTION, ANSWER, FLIPS = 36, 18, 10


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Put the command on the command line."""
    parser = commands.add_parser(
        "compare",
        help="compare two sample logs of lmms-eval, lm-eval, VLMEvalKit, inspect_ai, or of ours",
        description="Is the candidate's log at least as good as the baseline's? Reads the logs "
        "that lmms-eval and lm-evaluation-harness write with --log_samples, VLMEvalKit's tables, "
        "inspect_ai's .eval and .json, and ours; recognises which. Loads no model.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("baseline", metavar="[NAME=]BASELINE")
    parser.add_argument("candidate", metavar="[NAME=]CANDIDATE")
    parser.add_argument("--score", default="exact_match", help="default exact_match; see below")
    parser.add_argument(
        "--margin", type=float, help="the loss that you would accept, such as 0.02 (two points)"
    )
    parser.add_argument("--mde", type=float, help="for no_regression: what must not go unnoticed")
    parser.add_argument(
        "--claim",
        choices=("not_worse", "better", "equivalent", "no_regression"),
        help="default not_worse; without --margin only the numbers are reported",
    )
    parser.add_argument("--alpha", type=float, default=0.05, help="error rate of a pass; 0.05")
    parser.add_argument("--filter", default="", help="one of lm-evaluation-harness' filters")
    parser.add_argument(
        "--cluster",
        default="",
        metavar="FIELD",
        help="dotted path to what questions about one image share, such as doc.image_id",
    )
    parser.add_argument(
        "--only-shared", action="store_true", help="leave out what only one log has: PARTIAL"
    )
    parser.add_argument(
        "--report",
        type=Path,
        default=Path("vlm-compare"),
        metavar="DIR",
        help="folder for index.html and run.json; default vlm-compare",
    )
    parser.set_defaults(run=_compare)


def _compare(options: argparse.Namespace) -> int:
    from pytest_vlm.errors import LogError, SettingsError
    from pytest_vlm.logs.comparing import LogComparison
    from pytest_vlm.logs.pairing import pair_logs
    from pytest_vlm.logs.reading import read_log
    from pytest_vlm.run_folder import RunFolder

    given = [_named(options.baseline), _named(options.candidate)]
    if given[0][0] == given[1][0]:
        given = [("A", given[0][1]), ("B", given[1][1])]
    logs = [
        read_log(path, name=name, filter=options.filter, cluster=options.cluster)
        for name, path in given
    ]
    for log, (_, path) in zip(logs, given, strict=True):
        print(f"{log.name}: {len(log.samples)} samples of {path} ({log.tool})")
    claim: Claim | None = options.claim or ("not_worse" if options.margin is not None else None)
    bound = options.mde if claim == "no_regression" else options.margin
    if claim == "no_regression" and bound is None:
        raise SettingsError("no_regression needs --mde: the loss that must not go unnoticed")
    if claim in ("not_worse", "equivalent") and bound is None:
        raise SettingsError(f"{claim} needs --margin: the loss that you would accept, such as 0.02")
    folder = RunFolder(options.report)
    try:
        folder.prepare()
    except OSError as error:
        raise LogError(f"--report: cannot write to {options.report}: {error}") from error
    report = LogComparison(
        logs=pair_logs(*logs, only_shared=options.only_shared),
        score=options.score,
        claim=claim,
        bound=bound,
        alpha=options.alpha,
        folder=options.report,
        command=shlex.join(["python", "-m", "pytest_vlm", *sys.argv[1:]]),
        sources=(str(given[0][1]), str(given[1][1])),
    ).report()
    folder.write(report)
    return _say(report, options.report, claimed=claim is not None)


def _named(argument: str) -> tuple[str, Path]:
    name, equals, rest = argument.partition("=")
    if equals and not Path(argument).exists():
        return name, Path(rest)
    return Path(argument).name.split(".")[0], Path(argument)


def _say(report: RunReport, folder: Path, *, claimed: bool) -> int:
    from pytest_vlm.logs.comparing import claim_of
    from pytest_vlm.report.terminal import summary_lines

    claim, verdict = claim_of(report), report.verdicts[0]
    _list_flips(folder / claim.evidence if claim.evidence else None, claim)
    for warning in claim.warnings:
        print(f"warning: {warning}")
    if not claimed:
        print(f"{claim.score}: {claim.sentence}")
        print("nothing was claimed; add --margin 0.02 for a verdict")
        print(f"report: {folder / 'index.html'}")
        return 0
    for line, _ in summary_lines(report, folder):
        print(line)
    return 0 if verdict.verdict == "SHIP" else 1


def _list_flips(evidence: Path | None, claim: ClaimRecord) -> None:
    """The first differing answers, losses first, as a table."""
    if evidence is None:
        return
    flips = json.loads(evidence.read_text(encoding="utf-8"))["flips"]
    print()
    print(_row("", "question", "target", claim.baseline, claim.candidate))
    for flip in flips[:FLIPS]:
        print(
            _row(
                "lost" if flip["lost"] else "won",
                flip["query"] or flip["id"],
                " | ".join(flip["targets"]),
                flip["baseline_answer"],
                flip["candidate_answer"],
            )
        )
    if len(flips) > FLIPS:
        print(f"  ... {len(flips) - FLIPS} more in the report")
    print()


def _row(change: str, *cells: str) -> str:
    widths = (QUESTION, *[ANSWER] * (len(cells) - 1))
    return f"  {change:<5}" + "  ".join(map(_cut, cells, widths))


def _cut(cell: str, width: int) -> str:
    text = " ".join(cell.split())
    return f"{text[: width - 1]}…" if len(text) > width else f"{text:<{width}}"
