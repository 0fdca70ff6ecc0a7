"""Error rates of text that was read: characters and words."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable

from pytest_vlm.scores.score import Case, score


@score(name="CER", kind="bounded", better="lower", libraries=("jiwer",))
def cer(case: Case) -> float:
    """Character error rate: edits over the target's characters, for the nearest target.

    Bounded by 0 and 1, lower is better. An answer longer than its target can have more edits than
    the target has characters; such a rate is cut at 1. Case and punctuation count, white space
    counts as one space; accents are composed (NFC), so that é is one character.
    """
    import jiwer

    return _nearest(case, jiwer.cer)


@score(name="WER", kind="bounded", better="lower", libraries=("jiwer",))
def wer(case: Case) -> float:
    """Word error rate: edits over the target's words, for the nearest target.

    As `cer`, with words between spaces. A text in a script without spaces (Chinese, Japanese, Thai)
    is one word, so that the rate is 0 or 1: use `cer`.
    """
    import jiwer

    return _nearest(case, jiwer.wer)


def _nearest(case: Case, rate: Callable[[str, str], float]) -> float:
    answer = _composed(case.answer)
    rates = (rate(_composed(target), answer) for target in case.sample.targets)
    return min(1.0, *rates)


def _composed(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text).split())
