"""Which map of which part of an answer is wanted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pytest_vlm.evaluation.predictions import Completion
from pytest_vlm.scores.extraction import Extractor

Span = tuple[int, int]


@dataclass(frozen=True, kw_only=True)
class MapRequest:
    """How an engine is to make the maps of a batch of answers.

    Attributes:
        method: by name.
        spans: for each prediction the characters of its first completion's raw text that are
            explained; None for each whole answer.
    """

    method: str = "attention"
    spans: tuple[Span, ...] | None = None


def answer_span(completion: Completion, extraction: Sequence[Extractor] = ()) -> Span:
    """Where the final answer stands in the raw text: behind the reasoning, as it was extracted.

    What an extraction gives and the text does not hold, as a normalised number, leaves the whole
    answer. A completion that is all reasoning is explained as a whole.
    """
    raw = completion.raw
    answer = completion.answer
    start = raw.rfind(answer) if answer else -1
    if start < 0:
        return 0, len(raw)
    found: str | None = answer
    for extractor in extraction:
        found = extractor(found) if found else None
    inside = answer.rfind(found) if found else -1
    if found and inside >= 0:
        return start + inside, start + inside + len(found)
    return start, start + len(answer)
