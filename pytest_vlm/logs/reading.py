"""Which tool wrote a log, and what stands in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from pytest_vlm.errors import LogError
from pytest_vlm.logs import harness, inspect_ai, own, vlmevalkit
from pytest_vlm.logs.entries import Entry, LoggedAnswers
from pytest_vlm.logs.lines import records

TABLES = (".xlsx", ".tsv")
PICKLES = (".pkl", ".pickle")


@dataclass(frozen=True)
class Tool:
    """One kind of log."""

    name: str
    recognises: Callable[[Mapping[str, Any]], bool]
    entries: Callable[[dict[str, Any], str, str], Iterator[Entry]]


TOOLS = (
    Tool("pytest-vlm", own.recognises, own.entries),
    Tool("lm-evaluation-harness or lmms-eval", harness.recognises, harness.entries),
    Tool("inspect_ai", inspect_ai.recognises, inspect_ai.entries),
    Tool("VLMEvalKit", vlmevalkit.recognises, vlmevalkit.entries),
)


def read_log(path: Path, *, name: str, filter: str = "", cluster: str = "") -> LoggedAnswers:
    """The answers of a log; what wrote it is recognised by its content.

    Args:
        path: of the file.
        name: of the checkpoint.
        filter: which of lm-evaluation-harness' filters, where it used several.
        cluster: dotted path in a record to what names its cluster, such as ``doc.image_id``.

    Raises:
        LogError: it cannot be read, nobody knows its format, or it is ambiguous.
    """
    if path.is_dir():
        files = sorted(found.name for found in path.glob("*samples*.jsonl"))
        known = f"; it has {', '.join(files[:5])}" if files else ""
        raise LogError(f"{path} is a folder; give the one file with the samples{known}")
    if path.suffix in PICKLES:
        raise LogError(
            f"{path} is a pickle, which could run code when it is read; let VLMEvalKit write a "
            "table: export PRED_FORMAT=tsv"
        )
    if path.suffix == ".eval":
        return LoggedAnswers.of(name, "inspect_ai", inspect_ai.archived(path, cluster))
    rows = _rows(path)
    first = next(rows, None)
    if first is None:
        raise LogError(f"{path} is empty")
    tool = next((tool for tool in TOOLS if tool.recognises(first[1])), None)
    if tool is None:
        fields = ", ".join(sorted(first[1])[:8])
        raise LogError(
            f"{path} is no log of {', '.join(tool.name for tool in TOOLS)}; its fields are {fields}"
        )
    chosen = _filtered(chain([first], rows), filter)
    found = (entry for where, row in chosen for entry in tool.entries(row, where, cluster))
    return LoggedAnswers.of(name, tool.name, found)


def _rows(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    if path.suffix in TABLES:
        return vlmevalkit.table(path)
    if path.suffix == ".json":
        return _document(path)
    return records(path)


def _document(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """One object over several lines: a whole log of inspect_ai, or a table of VLMEvalKit."""
    rows = vlmevalkit.whole(path)
    if isinstance(rows, dict) and inspect_ai.recognises(rows):
        yield str(path), rows
    else:
        yield from vlmevalkit.rows(path, rows)


def _filtered(
    rows: Iterator[tuple[str, dict[str, Any]]], wanted: str
) -> Iterator[tuple[str, dict[str, Any]]]:
    """The rows of one filter; those of tools without filters are all there are."""
    seen: dict[str, None] = {}
    for where, row in rows:
        name = row.get("filter")
        if isinstance(name, str):
            seen[name] = None
            if not wanted and len(seen) > 1:
                raise LogError(f"{where}: answers of several filters; add --filter {name}")
            if wanted and name != wanted:
                continue
        yield where, row
    if wanted and seen and wanted not in seen:
        raise LogError(f"no answer went through the filter {wanted!r}; there is {', '.join(seen)}")
