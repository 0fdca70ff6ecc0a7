"""``python -m pytest_vlm compare``: two sample logs, without a GPU and without moving anything."""

from __future__ import annotations

import argparse
import json
import shlex
import shutil
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_vlm.commands.saying import say

if TYPE_CHECKING:
    from pytest_vlm.logs.comparing import LogComparison
    from pytest_vlm.logs.entries import LoggedAnswers
    from pytest_vlm.report.model import ClaimRecord, RunReport
    from pytest_vlm.stats.result import Claim

EXAMPLES = """examples:
  python -m pytest_vlm compare A.jsonl B.jsonl                   only the numbers
  python -m pytest_vlm compare A.jsonl B.jsonl --margin 0.02     is a loss of 2 points ruled out?
  python -m pytest_vlm compare old=A.eval new=B.eval --score log:match --margin 0.05
  python -m pytest_vlm compare A.tsv B.tsv --score choice --claim better

The first log is the baseline. The margin is the loss that you would accept: 0.02 is two points of
accuracy. It has no default, because nobody else can know it.

scores: any of ours (exact_match, contains, anls, choice, relaxed_accuracy, exact_match:last_number,
...), judged anew from answer and target; or log:METRIC, as the tool itself judged.
exit status: 0 the claim is shown, 1 it is not, 2 it could not be made.
"""


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
        help="dotted path to what questions about one image share, such as doc.image_id; "
        "found by itself where a usual field names the image",
    )
    parser.add_argument(
        "--lower-is-better", action="store_true", help="the log's own metric counts mistakes"
    )
    parser.add_argument(
        "--bounds",
        nargs=2,
        type=float,
        metavar=("LOW", "HIGH"),
        help="smallest and largest value of the log's own metric; default 0 1",
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
    from pytest_vlm.errors import LogError
    from pytest_vlm.logs.naming import name_logs
    from pytest_vlm.logs.reading import read_log
    from pytest_vlm.paths import readable
    from pytest_vlm.report.run_folder import RunFolder

    claim = _claim(options)
    given = name_logs(options.baseline, options.candidate)
    logs = [
        read_log(path, name=name, filter=options.filter, cluster=options.cluster)
        for name, path in given
    ]
    for role, log, (_, path) in zip(("baseline", "candidate"), logs, given, strict=True):
        say(f"{role:<9}  {log.name}: {_described(log, options.cluster)}, {readable(path)}")
    comparison = _comparison(options, claim, (logs[0], logs[1]), [path for _, path in given])
    for note in comparison.notes():
        say(f"note: {note}", {"yellow": True})
    folder = RunFolder(options.report)
    try:
        folder.prepare()
    except OSError as error:
        raise LogError(f"--report: cannot write to {options.report}: {error}") from error
    with warnings.catch_warnings():  # `_tell` says them, without a line of this program
        warnings.simplefilter("ignore", UserWarning)
        report = comparison.report()
    folder.write(report)
    return _tell(report, options.report, claimed=claim is not None)


def _claim(options: argparse.Namespace) -> Claim | None:
    """What is claimed; nothing without a margin.

    Raises:
        SettingsError: a claim without its bound, or with that of another one.
    """
    from pytest_vlm.errors import SettingsError

    claim: Claim | None = options.claim
    if claim is None and options.margin is not None:
        claim = "not_worse"
    elif claim is None and options.mde is not None:
        claim = "no_regression"
    if claim == "no_regression" and options.mde is None:
        raise SettingsError("no_regression needs --mde: the loss that must not go unnoticed")
    if claim in ("not_worse", "equivalent") and options.margin is None:
        raise SettingsError(f"{claim} needs --margin: the loss that you would accept, such as 0.02")
    other = "margin" if claim == "no_regression" else "mde"
    if claim is not None and getattr(options, other) is not None:
        raise SettingsError(f"{claim} takes no --{other}; leave it out, or say another --claim")
    return claim


def _comparison(
    options: argparse.Namespace,
    claim: Claim | None,
    logs: tuple[LoggedAnswers, LoggedAnswers],
    paths: list[Path],
) -> LogComparison:
    from pytest_vlm.logs.comparing import LogComparison
    from pytest_vlm.logs.judging import LoggedScore
    from pytest_vlm.logs.pairing import pair_logs

    pairs = pair_logs(*logs, only_shared=options.only_shared)
    return LogComparison(
        logs=pairs,
        score=LoggedScore.find(
            options.score,
            pairs,
            bounds=options.bounds and tuple(options.bounds),
            lower_is_better=options.lower_is_better,
        ),
        claim=claim,
        bound=options.mde if claim == "no_regression" else options.margin,
        alpha=options.alpha,
        folder=options.report,
        command=shlex.join(["python", "-m", "pytest_vlm", *sys.argv[1:]]),
        sources=(str(paths[0]), str(paths[1])),
    )


def _described(log: LoggedAnswers, cluster: str) -> str:
    answers = sum(len(prediction.completions) for prediction in log.predictions)
    clusters = len({sample.cluster for sample in log.samples})
    parts = [f"{len(log.samples)} samples"]
    parts += [f"{answers} answers"] * (answers > len(log.samples))
    what = "cluster" if cluster else "image"
    parts += [f"{clusters} {what}{'s' * (clusters > 1)}"] * (clusters < len(log.samples))
    return f"{', '.join(parts)} ({log.tool})"


def _tell(report: RunReport, folder: Path, *, claimed: bool) -> int:
    from pytest_vlm.logs.comparing import claim_of
    from pytest_vlm.paths import readable
    from pytest_vlm.report.terminal import summary_lines

    claim, verdict = claim_of(report), report.verdicts[0]
    _list_flips(folder, claim)
    for warning in claim.warnings:
        say(f"warning: {warning}", {"yellow": True})
    if claimed:
        for line, style in summary_lines(report, folder):
            say(line, style)
        return 0 if verdict.verdict == "SHIP" else 1
    say(f"{claim.score}: {claim.sentence}", {"bold": True})
    say("for a verdict, say which loss you would accept: --margin 0.02 is two points")
    say(f"report: {readable(folder / 'index.html')}")
    return 0


def _list_flips(folder: Path, claim: ClaimRecord) -> None:
    """The first differing answers as a table."""
    from pytest_vlm.logs.flip_table import flip_table

    if not claim.evidence:
        return
    flips = json.loads((folder / claim.evidence).read_text(encoding="utf-8"))["flips"]
    columns = shutil.get_terminal_size(fallback=(110, 24)).columns
    say()
    for line in flip_table(flips, (claim.baseline, claim.candidate), columns):
        say(line)
    say()
