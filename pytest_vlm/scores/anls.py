"""Answers that are read from a picture, where a wrong character is not a wrong answer."""

from __future__ import annotations

from pytest_vlm.scores.score import Case, score
from pytest_vlm.scores.text import fold

THRESHOLD = 0.5


@score(name="ANLS", kind="bounded", libraries=("rapidfuzz",))
def anls(case: Case) -> float:
    """Normalised Levenshtein similarity to the nearest accepted answer, 0 where it is not over 0.5.

    Bounded by 0 and 1, higher is better. Biten et al. 2019, "Scene Text Visual Question Answering",
    equation 1: s = 1 - NL where NL < 0.5, else 0; NL is the edit distance over the longer length.
    Case and white space do not count; Unicode is normalised before.
    """
    from rapidfuzz.distance import Levenshtein

    answer = fold(case.answer)
    best = 0.0
    for target in case.sample.targets:
        similarity = Levenshtein.normalized_similarity(answer, fold(target), score_cutoff=THRESHOLD)
        best = max(best, similarity if similarity > THRESHOLD else 0.0)
    return best
