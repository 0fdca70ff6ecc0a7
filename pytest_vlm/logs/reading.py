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
from pytest_vlm.logs.lines import check_file, is_lines, records

TABLES = (".xlsx", ".tsv", ".csv")
PICKLES = (".pkl", ".pickle")
KINDS = ("*samples*.jsonl", "*.eval", "*.xlsx", "*.tsv")
DEPTHS = ("", "*/", "*/*/")
NAMED = 5


@dataclass(frozen=True)
class Tool:
    """One kind of log."""

    name: str
    recognises: Callable[[Mapping[str, Any]], bool]
    entries: Callable[[dict[str, Any], str, str], Iterator[Entry]]


TOOLS = (
    Tool("pytest-vlm", own.recognises, own.entries),
    Tool("lm-evaluation-harness", harness.recognises, harness.entries),
    Tool("lmms-eval", harness.recognises_lmms, harness.entries),
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
        raise LogError(f"{path} is a folder; give the one file with the samples{_inside(path)}")
    if path.suffix in PICKLES:
        raise LogError(
            f"{path} is a pickle, which could run code when it is read; let VLMEvalKit write a "
            "table: export PRED_FORMAT=tsv"
        )
    check_file(path)
    try:
        if path.suffix == ".eval":
            if filter:
                raise LogError(f"{path}: logs of inspect_ai have no filters; leave out --filter")
            return LoggedAnswers.of(name, "inspect_ai", inspect_ai.archived(path, cluster))
        return _read(path, name, filter, cluster)
    except RecursionError as error:
        raise LogError(f"{path}: something in it is nested too deeply") from error


def _read(path: Path, name: str, filter: str, cluster: str) -> LoggedAnswers:
    rows = _rows(path)
    first = next(rows, None)
    if first is None:
        raise LogError(f"{path} is empty")
    tool = next((tool for tool in TOOLS if tool.recognises(first[1])), None)
    if tool is None:
        fields = ", ".join(sorted(map(str, first[1]))[:8])
        raise LogError(
            f"{path} is no log of {', '.join(tool.name for tool in TOOLS)}; its fields are {fields}"
        )
    chosen = _filtered(path, chain([first], rows), filter)
    found = (entry for where, row in chosen for entry in tool.entries(row, where, cluster))
    return LoggedAnswers.of(name, tool.name, found)


def _inside(folder: Path) -> str:
    """What in a folder may be meant, the newest first."""
    found = [path for kind in KINDS for depth in DEPTHS for path in folder.glob(depth + kind)]
    newest = sorted(found, key=lambda path: path.stat().st_mtime, reverse=True)[:NAMED]
    listed = "".join(f"\n  {path}" for path in newest)
    more = f"\n  ... {len(found) - NAMED} more" if len(found) > NAMED else ""
    return f"; it has, the newest first{listed}{more}" if found else ""


def _rows(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    if path.suffix in TABLES:
        return vlmevalkit.table(path)
    if path.suffix == ".json" and not is_lines(path):
        return _document(path)
    return records(path)


def _document(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """A whole log of inspect_ai, a table of VLMEvalKit, or a list of rows under ``logs``.

    lmms-eval wrote the last one before it wrote lines.
    """
    content = vlmevalkit.whole(path)
    if isinstance(content, dict) and isinstance(content.get("logs"), list):
        content = content["logs"]
    columns = isinstance(content, dict) and isinstance(content.get("index"), dict)
    if isinstance(content, dict) and not columns:
        yield str(path), content
    else:
        yield from vlmevalkit.rows(path, content)


def _filtered(
    path: Path, rows: Iterator[tuple[str, dict[str, Any]]], wanted: str
) -> Iterator[tuple[str, dict[str, Any]]]:
    """The rows of one filter; those of tools without filters are all there are."""
    seen: dict[str, None] = {}
    for where, row in rows:
        name = row.get("filter")
        if isinstance(name, str):
            seen[name] = None
        if not wanted and len(seen) > 1:
            continue  # it is refused below, with all their names
        if not wanted or name == wanted:
            yield where, row
    if not wanted and len(seen) > 1:
        choices = " or ".join(f"--filter {name}" for name in seen)
        raise LogError(f"{path} has answers of several filters; choose: {choices}")
    if wanted and wanted not in seen:
        there = f"there is {', '.join(seen)}" if seen else "it has none; leave out --filter"
        raise LogError(f"{path}: no answer went through the filter {wanted!r}; {there}")
