"""Numbers that may be a little off."""

from __future__ import annotations

import math

from pytest_vlm.scores.score import Case, score
from pytest_vlm.scores.text import normalize

TOLERANCE = 0.05


@score(name="relaxed accuracy")
def relaxed_accuracy(case: Case) -> float:
    """1 where a number is within 5 % of an accepted one, or a text equals an accepted one, else 0.

    Binary, higher is better. ChartQA (Masry et al. 2022, section 5.1) after PlotQA (Methani et al.
    2020): the deviation is relative to the target and may be exactly 5 %; "45%" is 0.45; a target
    of 0 must be met exactly. As published, the tolerance holds for years too, so 1990 passes for
    2015. Numbers are plain ones; of a sentence, or of "1,234", take ``extracting(last_number)``.
    """
    return float(any(_is_near(case.answer, target) for target in case.sample.targets))


def _is_near(answer: str, target: str) -> bool:
    given, wanted = _number(answer), _number(target)
    if given is None or wanted is None:
        return normalize(answer) == normalize(target)
    return abs(given - wanted) <= TOLERANCE * abs(wanted) * (1 + 1e-12)  # 5 % itself passes


def _number(text: str) -> float | None:
    text = normalize(text).replace("−", "-")
    share = text.endswith("%")
    try:
        number = float(text.removesuffix("%"))
    except ValueError:
        return None
    if not math.isfinite(number):
        return None
    return number / 100 if share else number
