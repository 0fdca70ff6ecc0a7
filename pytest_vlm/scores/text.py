"""Scores that read the answer's words."""

from __future__ import annotations

import unicodedata

from pytest_vlm.scores.score import Case, score

UNSPACED = (
    ("\u0e00", "\u0eff"),
    ("\u1000", "\u109f"),
    ("\u1780", "\u17ff"),
    ("\u3040", "\u30ff"),
    ("\u3400", "\u4dbf"),
    ("\u4e00", "\u9fff"),
    ("\uf900", "\ufaff"),
    ("\U00020000", "\U0003ffff"),
)


def fold(text: str) -> str:
    """Unicode NFKC, case folded, white space collapsed.

    The Turkish capital İ folds to i as in Turkish. The dotless ı and its capital I are not matched:
    I folds to i, as in every other language.
    """
    if text.isascii():
        return " ".join(text.lower().split())
    folded = unicodedata.normalize("NFKC", text).casefold().replace("i\u0307", "i")
    return " ".join(unicodedata.normalize("NFKC", folded).split())


def normalize(text: str) -> str:
    """`fold`, and one closing full stop (also the ideographic one) dropped."""
    folded = fold(text)
    return (folded[:-1] if folded.endswith((".", "。")) else folded).rstrip()


@score(name="exact match", version=2)
def exact_match(case: Case) -> float:
    """1 where the normalised answer equals one of the accepted ones, else 0.

    Binary, higher is better. Case, width, accents written as one or two characters, white space
    and a closing full stop do not count.
    """
    answer = normalize(case.answer)
    return float(any(answer == normalize(target) for target in case.sample.targets))


@score(name="contains", version=2)
def contains(case: Case) -> float:
    """1 where the answer contains an accepted one as whole words, else 0.

    Binary, higher is better. In scripts that put no spaces between words (Chinese, Japanese, Thai)
    it may stand anywhere.
    """
    answer = normalize(case.answer)
    return float(any(has_words(answer, normalize(target)) for target in case.sample.targets))


def has_words(text: str, words: str) -> bool:
    """Whether the words stand in the text with nothing beside them that continues a word."""
    at = text.find(words) if words else -1
    while at >= 0:
        end = at + len(words)
        if not _continues(text, at) and not _continues(text, end):
            return True
        at = text.find(words, at + 1)
    return False


def _continues(text: str, at: int) -> bool:
    """Whether a word goes on from the character before the position to the one at it."""
    if not 0 < at < len(text):
        return False
    before, after = text[at - 1], text[at]
    if unicodedata.category(after)[0] == "M":
        return True
    return all(is_word(c) and not is_unspaced(c) for c in (before, after))


def tokens(text: str) -> list[str]:
    """Folded words of letters, marks and digits; each character of an unspaced script is one."""
    spaced = (
        f" {c} " if is_unspaced(c) else c if is_word(c) and c != "_" else " " for c in fold(text)
    )
    return "".join(spaced).split()


def is_word(character: str) -> bool:
    """Whether it is a letter, a mark, a digit or an underscore."""
    return character == "_" or unicodedata.category(character)[0] in "LMN"


def is_unspaced(character: str) -> bool:
    """Whether its script puts no spaces between words: Han, kana, Thai, Lao, Burmese, Khmer."""
    if character < "\u0e00":
        return False
    return any(first <= character <= last for first, last in UNSPACED)
