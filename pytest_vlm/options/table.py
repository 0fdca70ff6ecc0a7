"""The table of settings: command line, ini file and documentation come from its rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytest_vlm.memory.size import parse_size
from pytest_vlm.options.values import (
    count,
    error_rate,
    factor,
    kinds_of_input,
    one_of,
    samples_source,
    temperature,
    text,
    whole_number,
)


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
    convert: Callable[[Any], Any] = text
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
        "a checkpoint: a folder, a hub id, a delta or an adapter (?base=FOLDER), "
        "models:/NAME@ALIAS or http://HOST/v1#MODEL; optionally with "
        "?dtype=bfloat16&device=cuda&budget=6GiB; repeat it: the first is the baseline, every "
        "further one a candidate",
        repeated=True,
    ),
    Option(
        "allow_different",
        "allow-different",
        "KINDS",
        "what may differ between the checkpoints, by commas: processor, tokenizer, template; by "
        "default a difference holds the candidate, because it did not see the same question",
        kinds_of_input,
    ),
    Option(
        "samples",
        "samples",
        "SOURCE",
        "the questions: a .jsonl, .csv, .tsv or .parquet file, an image folder with "
        "metadata.jsonl, or hf:NAME[:SPLIT]",
        samples_source,
    ),
    Option(
        "media_root",
        "media-root",
        "DIR",
        "where the samples' pictures lie; default: beside the samples file",
        Path,
    ),
    Option("limit", "limit", "N", "ask only the first N samples; the verdict is PARTIAL", count),
    Option("engine", "engine", "NAME", "local (transformers; default), fake, or a plugin's own"),
    Option(
        "alpha",
        "alpha",
        "RATE",
        "how often a candidate that loses exactly the margin may pass; default 0.05",
        error_rate,
    ),
    Option(
        "sequential",
        "sequential",
        "anytime",
        "stop asking as soon as a claim is decided; samples come in a random order; default: ask "
        "everything",
        one_of("anytime"),
    ),
    Option(
        "target",
        "target",
        "population|dataset",
        "with --vlm-sequential: whether a pass is about questions like these (population, "
        "default) or these samples alone (dataset)",
        one_of("population", "dataset"),
    ),
    Option(
        "anchor",
        "anchor",
        "[NAME=]SOURCE",
        "a checkpoint of long ago, such as the last release: 'not worse' and 'equivalent' bring "
        "'not worse than the anchor' with them, so that small losses do not add up",
    ),
    Option(
        "anchor_margins",
        "anchor-margins",
        "X",
        "how many times the claim's margin may be lost since the anchor; default 1",
        factor,
    ),
    Option(
        "inconclusive",
        "inconclusive",
        "fail|warn",
        "whether a claim that is neither shown nor refuted fails the run or only warns; default "
        "fail",
        one_of("fail", "warn"),
    ),
    Option(
        "generation.max_new_tokens",
        "max-new-tokens",
        "N",
        "longest answer; one that reaches it counts as truncated; default 64",
        count,
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
        temperature,
    ),
    Option(
        "generation.completions",
        "completions",
        "N",
        "answers drawn for each sample, averaged by every score; default 1",
        count,
    ),
    Option(
        "generation.seed", "seed", "N", "of the draws, the same for every checkpoint", whole_number
    ),
    Option(
        "generation.max_pixels",
        "max-pixels",
        "N",
        "make larger pictures smaller; default: as the checkpoint's image processor does",
        count,
    ),
    Option(
        "generation.video_frames",
        "video-frames",
        "N",
        "thin longer videos to so many frames, evenly spread; default: all",
        count,
    ),
    Option(
        "generation.thinking_budget",
        "thinking-budget",
        "N",
        "end reasoning by force after so many tokens; default: let it run",
        count,
    ),
    Option("generation.batch_size", "batch-size", "N", "samples a batch; default 16", count),
    Option(
        "generation.batch_tokens",
        "batch-tokens",
        "N",
        "a batch ends before it has more tokens, padding included; default 65536",
        count,
    ),
    Option(
        "relevance.method",
        "relevance",
        "METHOD",
        "how relevance maps are made: attention (default), rollout, grad_attention, "
        "pixel_gradient, occlusion, or own: the model's",
    ),
    Option(
        "relevance.budget",
        "relevance-budget",
        "PASSES",
        "maps that take more forward passes than this together are refused, where a method takes "
        "more than one a sample; default 10000",
        count,
    ),
    Option("generation.system_prompt", "system-prompt", "TEXT", "put before every conversation"),
    Option("load.dtype", "dtype", "NAME", "auto (default), float32, bfloat16 or float16"),
    Option(
        "load.device",
        "device",
        "NAME",
        "auto (default), cpu, cuda, cuda:1, ... or cuda:0+cpu: weights in host memory",
    ),
    Option("load.attention", "attention", "NAME", "auto (default), sdpa, eager, ..."),
    Option(
        "max_loaded",
        "max-loaded",
        "N",
        "checkpoints in memory at a time, at most; default: as many as fit",
        count,
    ),
    Option(
        "check_batching",
        "check-batching",
        "N",
        "ask N samples once more, each alone: answers that only batching changes are noise",
        count,
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
        "what loaded checkpoints may take together on a device, such as '14 GiB', and a test "
        "marked vlm_memory; a larger CUDA card then gives no more; default: 0.9 of what is free",
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
