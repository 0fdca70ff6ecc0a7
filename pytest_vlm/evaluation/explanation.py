"""Which map of which part of an answer is wanted."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from pytest_vlm.evaluation.predictions import Completion
from pytest_vlm.scores.extraction import Extractor

Span = tuple[int, int]
HIDDEN = "\N{REPLACEMENT CHARACTER}"  # is in no number, word or bracket
MOST_HIDDEN = 16


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
    found = _extracted(answer, extraction)
    inside = _place(found, answer, extraction) if found else -1
    if found and inside >= 0:
        return start + inside, start + inside + len(found)
    return start, start + len(answer)


def _extracted(answer: str, extraction: Sequence[Extractor]) -> str | None:
    found: str | None = answer
    for extractor in extraction:
        found = extractor(found) if found else None
    return found


def _place(found: str, answer: str, extraction: Sequence[Extractor]) -> int:
    """Where the answer says what was found in it, -1 where nowhere.

    An extractor does not tell, so each place is hidden from it: without the right one it finds
    something else. Where that tells nothing, as for what is said twice, it is the last place. A
    place that is part of a longer word is one only where there is no other.
    """
    part = re.escape(found)
    places = [match.start() for match in re.finditer(rf"(?<!\w){part}(?!\w)", answer)]
    places = places or [match.start() for match in re.finditer(part, answer)]
    for place in places[-MOST_HIDDEN:] if extraction else []:
        hidden = answer[:place] + HIDDEN * len(found) + answer[place + len(found) :]
        try:
            same = _extracted(hidden, extraction) == found
        except Exception:  # a user's own extractor, made for answers that hold what it looks for
            same = False
        if not same:
            return place
    return places[-1] if places else -1
