"""Multiple choice: which of the options does the answer choose?"""

from __future__ import annotations

from collections.abc import Sequence

from pytest_vlm.scores.extraction import mentioned_letter, stated_letter
from pytest_vlm.scores.score import Case, Unparsable, score
from pytest_vlm.scores.text import has_words, normalize


@score(name="choice")
def choice(case: Case) -> float:
    """1 where the answer chooses an accepted option, else 0.

    Binary, higher is better. Targets and answers name an option by its text or by its letter; where
    the options' texts are letters themselves, the text counts. An answer that names no option, or
    several, is unparsable. As in MMMU (Yue et al. 2024, section 4.1) an answer is searched for
    the letter that it states, then for the text of an option, then for a letter that stands alone;
    but a doubtful answer is never guessed.
    """
    options = [normalize(option) for option in case.sample.choices]
    accepted = {_named(target, options) or normalize(target) for target in case.sample.targets}
    chosen = _named(case.answer, options) or _found(case.answer, options)
    if chosen is None:
        raise Unparsable("the answer chooses none of the options")
    return float(chosen in accepted)


def _named(text: str, options: Sequence[str]) -> str | None:
    """The letter of the option whose text this is, or that it states."""
    words = normalize(text)
    if words in options:
        return _letter(options.index(words))
    return _within(stated_letter(text), options)


def _found(answer: str, options: Sequence[str]) -> str | None:
    """The letter of the only option whose text the answer contains, else a letter that it says."""
    words = normalize(answer)
    said = [option for option in options if has_words(words, option)]
    longest = [one for one in said if not any(one != other and one in other for other in said)]
    if len(longest) == 1:
        return _letter(options.index(longest[0]))
    return None if longest else _within(mentioned_letter(answer), options)


def _within(letter: str | None, options: Sequence[str]) -> str | None:
    """The letter, where there is such an option, or where the options are not known."""
    if letter is None or not options:
        return letter
    return letter if ord(letter) - ord("A") < len(options) else None


def _letter(place: int) -> str:
    return chr(ord("A") + place)
