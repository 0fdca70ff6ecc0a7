"""Sample logs of lm-evaluation-harness, and of lmms-eval, which descends from it.

Both write one JSON object a line with ``--log_samples``: `doc_id`, `target`, `filtered_resps`, and
a field for each metric. The first keeps the document and the prompt (`doc`, `arguments`), the
second the prompt alone (`input`).
"""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator, Mapping
from typing import Any

from pytest_vlm.errors import LogError
from pytest_vlm.logs.entries import Entry, numbers
from pytest_vlm.logs.lines import field, words

PROMPT = ("doc_id", "doc", "target", "arguments", "input")
KNOWN = frozenset([*PROMPT, "resps", "filtered_resps", "filter", "metrics"])


def recognises(record: Mapping[str, Any]) -> bool:
    """Whether it is a line of either."""
    return {"doc_id", "target", "filtered_resps"} <= record.keys()


def entries(record: dict[str, Any], where: str, cluster: str) -> Iterator[Entry]:
    """The entry of a line.

    Raises:
        LogError: a line without the fields that every line has.
    """
    if not recognises(record):
        raise LogError(f"{where}: it has no 'doc_id', 'target' and 'filtered_resps'")
    metrics = {name: value for name, value in record.items() if name not in KNOWN}
    yield Entry(
        id=str(record["doc_id"]),
        question=_question(record),
        targets=_targets(record["target"]),
        answers=tuple(_answers(record["filtered_resps"])),
        recorded=numbers(metrics),
        cluster=field(record, cluster, where) if cluster else "",
    )


def _question(record: Mapping[str, Any]) -> str:
    prompt = record.get("input", record.get("arguments"))
    if isinstance(prompt, dict):
        prompt = next(iter(prompt.values()), "")
    if isinstance(prompt, dict):
        prompt = prompt.get("arg_0", "")
    while isinstance(prompt, list) and prompt and not isinstance(prompt[0], dict):
        prompt = prompt[0]
    return words(prompt)


def _targets(target: object) -> tuple[str, ...]:
    """Lists of accepted answers are written as Python's text of them."""
    text = str(target)
    if text.startswith("[") and text.endswith("]"):
        try:
            found = ast.literal_eval(text)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            return (text,)
        if isinstance(found, list):
            return tuple(map(str, found))
    return (text,)


def _answers(responses: object) -> Iterator[str]:
    """Texts however deep; what is no text (likelihoods of options) as it stands."""
    if isinstance(responses, str):
        yield responses
    elif (
        isinstance(responses, list)
        and responses
        and all(isinstance(inner, str | list) for inner in responses)
    ):
        for inner in responses:
            yield from _answers(inner)
    else:
        yield json.dumps(responses)
