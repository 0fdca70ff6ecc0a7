"""Sample logs of lm-evaluation-harness, and of lmms-eval, which descends from it.

Both write one JSON object a line with ``--log_samples``: `doc_id`, `target`, `filtered_resps`, and
a field for each metric. The first keeps the document and the prompts (`doc`, `arguments`), the
second the prompt alone (`input`), and writes the answers of several filters without their names.
"""

from __future__ import annotations

import ast
import json
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

from pytest_vlm.errors import LogError
from pytest_vlm.logs.entries import Entry, numbers
from pytest_vlm.logs.lines import digest, field, image_of, words

FIELDS = {"doc_id", "target", "filtered_resps"}
KNOWN = frozenset(
    [*FIELDS, "doc", "arguments", "input", "resps", "filter", "metrics", "token_counts"]
)
ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")


def recognises(record: Mapping[str, Any]) -> bool:
    """Whether it is a line of lm-evaluation-harness."""
    return record.keys() >= FIELDS and "input" not in record


def recognises_lmms(record: Mapping[str, Any]) -> bool:
    """Whether it is a line of lmms-eval."""
    return record.keys() >= FIELDS and "input" in record


def entries(record: dict[str, Any], where: str, cluster: str) -> Iterator[Entry]:
    """The entry of a line.

    Raises:
        LogError: a line without the fields that every line has.
    """
    if not record.keys() >= FIELDS:
        raise LogError(f"{where}: it has no 'doc_id', 'target' and 'filtered_resps'")
    likelihoods = _likelihoods(record["filtered_resps"])
    options = _options(record.get("arguments"), len(likelihoods))
    targets = _targets(record["target"])
    if options and len(targets) == 1 and targets[0].isdecimal() and int(targets[0]) < len(options):
        targets = (options[int(targets[0])],)
    answers = tuple(_texts(record["filtered_resps"]))
    if likelihoods:
        best = max(range(len(options) or len(likelihoods)), key=likelihoods.__getitem__)
        answers = (options[best] if options else str(best),)
    yield Entry(
        where=where,
        id=str(record["doc_id"]),
        question=_question(record),
        targets=targets,
        answers=answers,
        choices=options,
        recorded=numbers({name: v for name, v in record.items() if name not in KNOWN}),
        cluster=field(record, cluster, where) if cluster else image_of(record.get("doc")),
        document=_document(record),
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


def _document(record: Mapping[str, Any]) -> str:
    """The digest of the dataset's row; pictures in it are named by where they lay in memory."""
    if isinstance(record.get("doc"), dict):
        return digest(ADDRESS.sub("", json.dumps(record["doc"], sort_keys=True)))
    return str(record.get("doc_hash") or "")


def _targets(target: object) -> tuple[str, ...]:
    """Lists of accepted answers are written as Python's text of them; boxes are lists as well."""
    text = str(target)
    if text.startswith("[") and text.endswith("]"):
        try:
            found = ast.literal_eval(text)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            return (text,)
        if isinstance(found, list) and found and all(isinstance(one, str) for one in found):
            return tuple(found)
    return (text,)


def _texts(responses: object) -> Iterator[str]:
    """Texts however deep; several are several draws."""
    if isinstance(responses, str):
        yield responses
    elif isinstance(responses, list):
        for inner in responses:
            yield from _texts(inner)
    elif responses is not None:
        yield json.dumps(responses)


def _likelihoods(responses: object) -> list[float]:
    """Of each option of a question that was answered by the likeliest one; empty for texts.

    Each is written as (log-likelihood, whether it is what greedy decoding says).
    """
    if not isinstance(responses, list) or not responses:
        return []
    found = []
    for response in responses:
        match response:
            case [(str() | int() | float()) as value, ("True" | "False" | True | False)]:
                found.append(_logarithm(value))
            case _:
                return []
    return found


def _logarithm(value: str | float) -> float:
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return -math.inf
    return -math.inf if math.isnan(number) else number


def _options(arguments: object, count: int) -> tuple[str, ...]:
    """The texts whose likelihoods were asked for after one prompt; empty where they are unknown.

    Behind them may stand the same texts without the prompt, which say how likely they are anyway.
    """
    asked = list(arguments.values()) if isinstance(arguments, dict) else []
    pairs = [(one.get("arg_0"), one.get("arg_1")) for one in asked if isinstance(one, dict)]
    if not count or len(pairs) != count:
        return ()
    texts = [str(text).strip() for prompt, text in pairs if prompt == pairs[0][0]]
    return tuple(texts) if 1 < len(texts) == len(set(texts)) else ()
