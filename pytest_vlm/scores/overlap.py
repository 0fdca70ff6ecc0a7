"""How many words answer and target share."""

from __future__ import annotations

from collections import Counter

from pytest_vlm.scores.score import Case, score
from pytest_vlm.scores.text import tokens

ARTICLES = {"a", "an", "the"}


@score(name="token F1", kind="bounded")
def token_f1(case: Case) -> float:
    """F1 of the answer's words against those of the nearest accepted answer.

    Bounded by 0 and 1, higher is better. Rajpurkar et al. 2016, "SQuAD", section 6.1: small
    letters, no punctuation, no articles, words counted as often as they occur; two texts without
    words are equal. In scripts without spaces each character is a word, as in MLQA (Lewis et al.
    2020).
    """
    answer = _words(case.answer)
    return max(_f1(answer, _words(target)) for target in case.sample.targets)


def _words(text: str) -> Counter[str]:
    return Counter(token for token in tokens(text) if token not in ARTICLES)


def _f1(answer: Counter[str], target: Counter[str]) -> float:
    if not answer or not target:
        return float(answer == target)
    return 2 * (answer & target).total() / (answer.total() + target.total())
