"""Scores that read the answer's words."""

from __future__ import annotations

import re
import unicodedata

from pytest_vlm.scores.score import Case, score


def normalize(text: str) -> str:
    """Unicode NFKC, case folded, white space collapsed, one closing full stop dropped."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return " ".join(folded.split()).removesuffix(".").rstrip()


@score(name="exact match")
def exact_match(case: Case) -> float:
    """1 where the normalised answer equals one of the accepted ones, else 0."""
    answer = normalize(case.prediction.answer)
    return float(any(answer == normalize(target) for target in case.sample.targets))


@score(name="contains")
def contains(case: Case) -> float:
    """1 where the answer contains an accepted one as whole words, else 0."""
    answer = normalize(case.prediction.answer)
    return float(any(_has_words(answer, normalize(t)) for t in case.sample.targets))


def _has_words(text: str, words: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(words)}(?!\w)", text) is not None
