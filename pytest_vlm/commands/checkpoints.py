"""``python -m pytest_vlm checkpoints``: what lies in a folder, and which two to compare."""

from __future__ import annotations

import argparse
import json
import math
import os
import shlex
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from pytest_vlm.commands.ranking import Ranking, rank
from pytest_vlm.commands.saying import say
from pytest_vlm.commands.timeline import brief, timeline
from pytest_vlm.errors import CheckpointError, SettingsError
from pytest_vlm.memory.size import format_size

if TYPE_CHECKING:
    from pytest_vlm.checkpoint.discovery.found import Found

EXAMPLES = """examples:
  python -m pytest_vlm checkpoints runs/sft
      every checkpoint of a training: step, epoch, loss, size; and the command that compares two
  python -m pytest_vlm checkpoints runs --metric eval_accuracy
      by another metric; the best is marked
  python -m pytest_vlm checkpoints runs --sort date
      several trainings, the newest checkpoint last
  pytest suites --checkpoint A=old --checkpoint B=$(python -m pytest_vlm checkpoints runs --best)
      gate the best of a training
  python -m pytest_vlm checkpoints runs --json | jq -r '.checkpoints[].path'
      for a program

what is found:
  a folder with config.json and *.safetensors, also in the cache of the hub
  checkpoint-* of a Hugging Face Trainer; step, epoch and metrics are in its trainer_state.json
  an adapter of PEFT
  a delta: one .safetensors or .pt file. Its base, step, epoch and metrics are in the file's own
  metadata, or in a .json file of the same name

Only headers are read, so that hundreds take a second. What is broken is listed with its reason.
"""
UNITS = ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k"))


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Put the command on the command line."""
    parser = commands.add_parser(
        "checkpoints",
        help="find the checkpoints in a folder, and which two to compare",
        description="Which checkpoints lie in a folder, how far was each trained, and which is "
        "the best? Loads no model.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folder", metavar="FOLDER", help="where to look, with all that is below")
    parser.add_argument(
        "--metric", metavar="NAME", help="shown and compared; default eval_loss where it is known"
    )
    parser.add_argument(
        "--better",
        choices=("lower", "higher"),
        help="which way the metric is better; by default its name tells: a loss is lower",
    )
    parser.add_argument(
        "--sort", choices=("step", "date", "name"), default="step", help="default step"
    )
    parser.add_argument(
        "--best", action="store_true", help="print only the path of the best, for a script"
    )
    parser.add_argument("--json", action="store_true", help="everything that is known, as JSON")
    parser.set_defaults(run=_checkpoints)


def _checkpoints(options: argparse.Namespace) -> int:
    from pytest_vlm.checkpoint.discovery import discover

    folder = Path(options.folder).expanduser()
    found = discover(folder, by=options.sort)
    if not found:
        raise CheckpointError(
            f"no checkpoint in {folder} or below. Looked for: folders with config.json and "
            "*.safetensors, checkpoint-* folders of a Trainer, adapters, and single .safetensors "
            "or .pt files; hidden folders are left out"
        )
    ranking = rank(found, metric=options.metric, better=options.better)
    if options.best:
        return _tell_best(ranking, options.json)
    if options.json:
        print(json.dumps(_content(ranking), indent=2, allow_nan=False))
        return 0
    _table(ranking)
    _tell_problems(ranking)
    _tell_timelines(ranking)
    _tell_other_metrics(ranking)
    _tell_command(ranking)
    return 0


def _tell_best(ranking: Ranking, as_json: bool) -> int:
    best = ranking.best
    if best is None:
        raise SettingsError(
            "which is the best? No usable checkpoint here has a metric; they are read from "
            "trainer_state.json, from training.json, or from a delta's metadata"
        )
    if as_json:
        print(json.dumps(_fields(best), indent=2, allow_nan=False))
    else:
        sys.stdout.flush()
        sys.stdout.buffer.write(os.fsencode(best.path) + b"\n")  # a name may be no text
    return 0


def _table(ranking: Ranking) -> None:
    several = len({one.kind for one in ranking.usable}) > 1
    best = ranking.best
    columns: list[tuple[str, str, list[str]]] = [
        ("name", "<", [one.name for one in ranking.usable]),
        ("kind", "<", [one.kind if several else "" for one in ranking.usable]),
        ("step", ">", ["" if one.step is None else f"{one.step:,}" for one in ranking.usable]),
        ("epoch", ">", ["" if one.epoch is None else f"{one.epoch:.2f}" for one in ranking.usable]),
        (ranking.metric or "", ">", [_shown(ranking, one, best) for one in ranking.usable]),
        ("size", ">", [format_size(one.bytes) for one in ranking.usable]),
        ("dtype", "<", ["+".join(one.dtypes).lower() for one in ranking.usable]),
        ("parameters", ">", [short(one.parameters) for one in ranking.usable]),
        ("base", "<", [" ".join(one.base.split()) for one in ranking.usable]),
        ("date", "<", [_date(one) for one in ranking.usable]),
    ]
    told = [(head, side, cells) for head, side, cells in columns if any(map(str.strip, cells))]
    lines = zip(*([head, *cells] for head, _, cells in told), strict=True)
    widths = [max(map(len, (head, *cells))) for head, _, cells in told]
    for number, line in enumerate(lines):
        cells = (f"{c:{side}{w}}" for c, w, (_, side, _) in zip(line, widths, told, strict=True))
        is_best = number > 0 and ranking.usable[number - 1] is best
        say("  ".join(cells).rstrip(), {"light": number == 0, "bold": is_best})
    if best is not None:
        say(f"* the best {ranking.metric} ({ranking.better} is better)", {"light": True})


def _shown(ranking: Ranking, one: Found, best: Found | None) -> str:
    if ranking.metric not in one.metrics:
        return ""
    return f"{brief(ranking.value(one))} {'*' if one is best else ' '}"


def _date(one: Found) -> str:
    return f"{one.date.astimezone():%Y-%m-%d %H:%M}" if one.date else ""


def _tell_problems(ranking: Ranking) -> None:
    broken = [one for one in ranking.found if one.problem]
    if broken:
        say()
        say(f"{len(broken)} cannot be used:", {"yellow": True})
        for one in broken:
            say(f"  {one.name}: {one.problem}")


def _tell_timelines(ranking: Ranking) -> None:
    if ranking.metric is None:
        return
    encoding = sys.stdout.encoding or "utf-8"
    for run in dict.fromkeys(one.path.parent for one in ranking.found):
        here = [one for one in ranking.found if one.path.parent == run]
        points = _history(here, ranking.metric)
        if len(points) < 3:
            continue
        choose = min if ranking.better == "lower" else max
        step = choose(points, key=lambda step: points[step])
        kept = "" if any(one.step == step for one in here) else ", which is not here any more"
        say()
        say(f"{ranking.metric} over the steps of {run.name or run}", {"bold": True})
        say(f"  {timeline(points, encoding)}   best {brief(points[step])} at {step:,}{kept}")


def _history(run: Sequence[Found], metric: str) -> dict[int, float]:
    """Step to finite value, also of checkpoints that are gone: the latest record knows them."""
    from pytest_vlm.checkpoint.discovery.training_record import STATE, read_history

    points: dict[int, float] = {}
    trained = [one for one in run if one.kind == "trainer" and one.step is not None]
    if trained:
        latest = max(trained, key=lambda one: one.step or 0)
        with suppress(CheckpointError):  # its table is enough
            points = read_history(latest.path / STATE, metric)
    points |= {o.step: o.metrics[metric] for o in run if o.step is not None and metric in o.metrics}
    return {step: value for step, value in points.items() if math.isfinite(value)}


def _tell_other_metrics(ranking: Ranking) -> None:
    others = [metric for metric in ranking.judged if metric != ranking.metric]
    if others:
        say()
        say(f"other metrics (--metric): {', '.join(others)}", {"light": True})


def _tell_command(ranking: Ranking) -> None:
    say()
    if ranking.pair is None:
        _tell_command_of_a_patch(ranking)
        return
    which, pair = ranking.pair
    say(f"Compare {which}; the first is the baseline:")
    say(f"  {_command(pair)}", {"cyan": True})


def _tell_command_of_a_patch(ranking: Ranking) -> None:
    known = [one for one in ranking.usable if one.is_patch and one.base]
    if not known:
        say("Two checkpoints make a comparison; here is only one, or none, that can be loaded.")
        return
    patch = ranking.best_of(known) or known[-1]
    base = unquote(patch.source.rpartition("?base=")[2])
    say(f"Compare {patch.name} with its base, which is the baseline:")
    say(
        f"  pytest suites {_given('base', base)} {_given(patch.name, patch.source)}", {"cyan": True}
    )


def _command(pair: tuple[Found, Found]) -> str:
    return f"pytest suites {' '.join(_given(one.name, one.source) for one in pair)}"


def _given(name: str, source: str) -> str:
    return f"--checkpoint {shlex.quote(f'{name}={source}')}"


def _content(ranking: Ranking) -> dict[str, Any]:
    best = ranking.best
    return {
        "metric": ranking.metric,
        "better": ranking.better if ranking.metric else None,
        "best": best.name if best else None,
        "command": _command(ranking.pair[1]) if ranking.pair else None,
        "checkpoints": [_fields(one) for one in ranking.found],
    }


def _fields(one: Found) -> dict[str, Any]:
    metrics = {k: v if math.isfinite(v) else None for k, v in one.metrics.items()}
    return asdict(one) | {
        "path": os.fspath(one.path),
        "date": one.date.isoformat(timespec="seconds") if one.date else None,
        "epoch": one.epoch if one.epoch is not None and math.isfinite(one.epoch) else None,
        "metrics": metrics,
    }


def short(count: int) -> str:
    """``440 k``, ``7.62 B``."""
    for size, unit in UNITS:
        if count >= 0.9995 * size:
            return f"{count / size:.3g} {unit}"
    return str(count)
