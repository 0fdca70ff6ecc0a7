"""One table of settings: command line, ini file and documentation come from its rows."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

import pytest

from pytest_vlm.errors import SettingsError
from pytest_vlm.memory.size import parse_size
from pytest_vlm.settings import GenerationSettings, LoadSettings, Settings

T = TypeVar("T")


def _text(value: Any) -> str:
    return str(value)


def _positive(value: Any) -> int:
    try:
        number = int(value)
    except ValueError:
        number = 0
    if number < 1:
        raise SettingsError(f"{value!r} is not a number above 0")
    return number


def _seed(value: Any) -> int:
    try:
        return int(value)
    except ValueError:
        raise SettingsError(f"{value!r} is not a whole number") from None


def _temperature(value: Any) -> float:
    try:
        temperature = float(value)
    except ValueError:
        temperature = -1.0
    if not 0 <= temperature < math.inf:
        raise SettingsError(f"{value!r} is not a temperature; 0 is greedy, 0.7 is usual")
    return temperature


def _error_rate(value: Any) -> float:
    try:
        rate = float(value)
    except ValueError:
        rate = 0.0
    if not 0 < rate < 0.5:
        raise SettingsError(f"{value!r} is not an error rate between 0 and 0.5, such as 0.05")
    return rate


def _factor(value: Any) -> float:
    try:
        factor = float(value)
    except ValueError:
        factor = 0.0
    if not 0 < factor < math.inf:
        raise SettingsError(f"{value!r} is not a number above 0, such as 2")
    return factor


def _samples(value: Any) -> Path | str:
    return str(value) if str(value).startswith("hf:") else Path(value)


def _one_of(*known: str) -> Callable[[Any], str]:
    def convert(value: Any) -> str:
        if value not in known:
            raise SettingsError(f"{value!r} is unknown; choose from {', '.join(known)}")
        return str(value)

    return convert


@dataclass(frozen=True)
class Option:
    """One row: ``--vlm-NAME`` on the command line, ``vlm_NAME`` in the ini file.

    Attributes:
        field: in `Settings`, or ``group.field``.
        name: with dashes, without the prefix.
        metavar: None for a switch.
        help: what it does and its default, for ``pytest --help``.
        convert: from text to the field's type.
        ini: whether the ini file may set it.
        repeated: whether it may be given several times.
    """

    field: str
    name: str
    metavar: str | None
    help: str
    convert: Callable[[Any], Any] = _text
    ini: bool = True
    repeated: bool = False

    @property
    def dest(self) -> str:
        """Attribute of ``config.option``, and the ini name."""
        return "vlm_" + self.name.replace("-", "_")


OPTIONS = (
    Option(
        "checkpoints",
        "checkpoint",
        "[NAME=]SOURCE",
        "a checkpoint: a folder or a hub id, optionally with ?dtype=bfloat16&device=cuda; repeat "
        "it: the first is the baseline, every further one a candidate",
        repeated=True,
    ),
    Option(
        "samples",
        "samples",
        "SOURCE",
        "the questions: a .jsonl, .csv, .tsv or .parquet file, an image folder with "
        "metadata.jsonl, or hf:NAME[:SPLIT]",
        _samples,
    ),
    Option(
        "media_root",
        "media-root",
        "DIR",
        "where the samples' pictures lie; default: beside the samples file",
        Path,
    ),
    Option(
        "limit", "limit", "N", "ask only the first N samples; the verdict is PARTIAL", _positive
    ),
    Option("engine", "engine", "NAME", "local (transformers; default), fake, or a plugin's own"),
    Option("alpha", "alpha", "RATE", "one-sided error rate of a pass; default 0.05", _error_rate),
    Option(
        "sequential",
        "sequential",
        "anytime",
        "ask in a random order and stop as soon as a claim is decided; default: ask everything",
        _one_of("anytime"),
    ),
    Option(
        "target",
        "target",
        "population|dataset",
        "what a claim that stops early is about: all that could be asked (default), or these "
        "samples only",
        _one_of("population", "dataset"),
    ),
    Option(
        "anchor",
        "anchor",
        "[NAME=]SOURCE",
        "a checkpoint of long ago, such as the last release: every 'not worse' is claimed against "
        "it as well, so that small losses do not add up",
    ),
    Option(
        "anchor_margins",
        "anchor-margins",
        "X",
        "how many of its margins a claim may have lost since the anchor; default 1",
        _factor,
    ),
    Option(
        "inconclusive",
        "inconclusive",
        "fail|warn",
        "what a claim that is neither shown nor refuted does; default fail",
        _one_of("fail", "warn"),
    ),
    Option(
        "generation.max_new_tokens",
        "max-new-tokens",
        "N",
        "longest answer; one that reaches it counts as truncated; default 64",
        _positive,
    ),
    Option(
        "generation.stop",
        "stop",
        "TEXT",
        "a text that ends an answer and is no part of it; repeat it for several",
        repeated=True,
    ),
    Option(
        "generation.temperature",
        "temperature",
        "T",
        "draw answers at this temperature; default 0: greedy",
        _temperature,
    ),
    Option(
        "generation.completions",
        "completions",
        "N",
        "answers drawn for each sample, averaged by every score; default 1",
        _positive,
    ),
    Option("generation.seed", "seed", "N", "of the draws, the same for every checkpoint", _seed),
    Option(
        "generation.max_pixels",
        "max-pixels",
        "N",
        "make larger pictures smaller; default: as the checkpoint's image processor does",
        _positive,
    ),
    Option(
        "generation.video_frames",
        "video-frames",
        "N",
        "thin longer videos to so many frames, evenly spread; default: all",
        _positive,
    ),
    Option(
        "generation.thinking_budget",
        "thinking-budget",
        "N",
        "end reasoning by force after so many tokens; default: let it run",
        _positive,
    ),
    Option("generation.batch_size", "batch-size", "N", "samples a batch; default 16", _positive),
    Option(
        "generation.batch_tokens",
        "batch-tokens",
        "N",
        "a batch ends before it has more tokens, padding included; default 65536",
        _positive,
    ),
    Option("generation.system_prompt", "system-prompt", "TEXT", "put before every conversation"),
    Option("load.dtype", "dtype", "NAME", "auto (default), float32, bfloat16 or float16"),
    Option("load.device", "device", "NAME", "auto (default), cpu, cuda, cuda:1, ..."),
    Option("load.attention", "attention", "NAME", "auto (default), sdpa, eager, ..."),
    Option(
        "max_loaded", "max-loaded", "N", "checkpoints in memory at a time; default 1", _positive
    ),
    Option(
        "check_batching",
        "check-batching",
        "N",
        "ask N samples once more, each alone: answers that only batching changes are noise",
        _positive,
    ),
    Option(
        "cache_dir",
        "cache-dir",
        "DIR",
        "where answers, maps and scores are kept; default ~/.cache/pytest-vlm",
        Path,
    ),
    Option(
        "no_cache",
        "no-cache",
        None,
        "compute everything anew and keep nothing",
        bool,
        ini=False,
    ),
    Option(
        "memory_budget",
        "memory-budget",
        "SIZE",
        "what a test marked vlm_memory may take, such as '14 GiB'",
        parse_size,
    ),
    Option("app", "app", "COMMAND", "starts the app under test, such as 'python -m app'"),
    Option("app_url", "app-url", "URL", "address of an app that is already running"),
    Option(
        "report",
        "report",
        "DIR",
        "folder for index.html, run.json and pending goldens; default vlm-report",
        Path,
    ),
    Option(
        "log",
        "log",
        "DIR",
        "write every claim's answers as JSON lines, for python -m pytest_vlm compare",
        Path,
    ),
    Option("goldens", "goldens", "DIR", "folder of the accepted goldens; default goldens", Path),
    Option(
        "accept_goldens",
        "accept-goldens",
        None,
        "take every map that is checked in this run as the new golden",
        bool,
        ini=False,
    ),
)


def add_options(parser: pytest.Parser) -> None:
    """Put every row on the command line and, where allowed, into the ini file."""
    group = parser.getgroup("vlm", "vision-language checkpoints (pytest-vlm)")
    for option in OPTIONS:
        names = [f"--vlm-{option.name}"]
        if option.field == "checkpoints":
            names.insert(0, "--checkpoint")
        if option.metavar is None:
            group.addoption(
                *names, dest=option.dest, action="store_true", default=None, help=option.help
            )
        else:
            action = "append" if option.repeated else "store"
            group.addoption(
                *names,
                dest=option.dest,
                action=action,
                default=None,
                metavar=option.metavar,
                help=option.help,
            )
        if option.ini:
            kind: Literal["linelist", "string"] = "linelist" if option.repeated else "string"
            parser.addini(option.dest, option.help, type=kind, default=None)


def read_settings(config: pytest.Config) -> Settings:
    """The run's settings; a path on the command line is relative to the current folder, one in the
    ini file to that file.

    Raises:
        pytest.UsageError: a value that makes no sense, with the option's name.
    """
    groups: dict[str, dict[str, Any]] = {"": {}, "generation": {}, "load": {}}
    for option in OPTIONS:
        value = _given(config, option)
        if value is not None:
            group, _, name = option.field.rpartition(".")
            groups[group][name] = value
    try:
        return Settings(
            **groups[""],
            generation=GenerationSettings(**groups["generation"]),
            load=LoadSettings(**groups["load"]),
        )
    except SettingsError as error:
        raise pytest.UsageError(str(error)) from error


def first_given(*values: T | None) -> T | None:
    """The first value that was given; callers list marker, command line, ini file in this order."""
    return next((value for value in values if value is not None), None)


def _given(config: pytest.Config, option: Option) -> Any:
    cli = getattr(config.option, option.dest, None)
    ini = config.getini(option.dest) if option.ini else None
    raw = first_given(cli, ini or None)
    if raw is None:
        return None
    try:
        if option.repeated:
            return tuple(option.convert(item) for item in raw)
        value = option.convert(raw)
    except SettingsError as error:
        raise pytest.UsageError(f"--vlm-{option.name}: {error}") from error
    if isinstance(value, Path):
        home = config.invocation_params.dir if cli is not None else _ini_folder(config)
        return home / value
    return value


def _ini_folder(config: pytest.Config) -> Path:
    return config.inipath.parent if config.inipath is not None else config.rootpath


def documented() -> Iterator[tuple[str, str, str]]:
    """(command line, ini, help) of every row, for the reference."""
    for option in OPTIONS:
        switch = f"--vlm-{option.name}" + (f" {option.metavar}" if option.metavar else "")
        yield switch, option.dest if option.ini else "", option.help
