"""Right-or-wrong scores without clusters: every outcome is enumerated, nothing is simulated.

The verdict depends on the lost and the won pairs alone, and more wins never hurt. So it takes one
number for each count of losses, the fewest wins that pass; `compare` itself is asked for it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np

from calibrated.row import ENUMERATED, Row, at_most
from pytest_vlm.stats import compare
from pytest_vlm.stats.result import Claim, Verdict

SIZES = (30, 42, 60, 87, 100, 200, 300, 301, 313, 338, 500, 1000, 2000)
RATES = (0.05, 0.10, 0.15, 0.30)
MARGINS = (0.02, 0.05, 0.10)
EXACT_SIZE, SCORE_SIZE, MIDP_SIZE = 0.05 + 1e-9, 0.058, 0.055
LARGEST_SIZE = 0.061  # also at rates that nobody chose
EXACT_UP_TO = 300
DEVIATIONS = 8
CHECKED = 25
Passes = Callable[[int, int], bool]


def verdict(b: int, c: int, n: int, claim: Claim, **bound: Any) -> Verdict:
    """What `compare` says of b lost and c won pairs out of n."""
    neither = np.arange(n - b - c) % 2
    before = np.concatenate((np.ones(b, int), np.zeros(c, int), neither))
    after = np.concatenate((np.zeros(b, int), np.ones(c, int), neither))
    result = compare(
        baseline=before, candidate=after, claim=claim, floor=-1.0, ceiling=2.0, **bound
    )
    return result.verdict


def fewest_wins(passes: Passes, n: int, largest: int) -> np.ndarray:
    """(largest + 1,) for each number of losses; n + 1 where no number of wins is enough.

    Raises:
        RuntimeError: more wins are not always as good.
    """
    found = np.full(largest + 1, n + 1)
    wins = 0
    for losses in range(largest + 1):
        while wins <= n - losses and not passes(losses, wins):
            wins += 1
        found[losses] = wins if wins <= n - losses else n + 1
    rng = np.random.default_rng(n)
    for _ in range(CHECKED):
        losses = int(rng.integers(largest + 1))
        wins = min(int(rng.integers(largest + 1)), n - losses)
        if passes(losses, wins) != (wins >= found[losses]):
            raise RuntimeError(f"{losses} losses and {wins} wins of {n} are out of order")
    return found


def reach(n: int) -> int:
    """Losses or wins that are never exceeded at the largest rate of `RATES`, nearly."""
    share = (max(RATES) + max(MARGINS)) / 2
    return min(n, math.ceil(n * share + DEVIATIONS * math.sqrt(n * share)))


def probability(wins: np.ndarray, n: int, rate: float, difference: float) -> float:
    """Of at least so many wins, given the losses, at a discordant rate and a true difference."""
    from scipy.stats import binom

    lost, won = (rate - difference) / 2, (rate + difference) / 2
    losses = np.arange(wins.size)
    enough = binom.sf(wins - 1, n - losses, won / (1 - lost))
    return float(binom.pmf(losses, n, lost) @ enough)


@cache
def region(n: int, claim: str, margin: float, alpha: float = 0.05, method: str = "auto") -> Any:
    """The fewest wins that show a claim, for each number of losses.

    Of ``worse`` it is the fewest losses that show it, for each number of wins.
    """
    if claim == "worse":

        def shown(wins: int, losses: int) -> bool:
            found = verdict(losses, wins, n, "no_regression", mde=0.9, alpha=alpha, method=method)
            return found == "fail"

    else:

        def shown(losses: int, wins: int) -> bool:
            bound: dict[str, Any] = {"margin": margin, "alpha": alpha, "method": method}
            return verdict(losses, wins, n, claim, **bound) == "pass"  # type: ignore[arg-type]

    return fewest_wins(shown, n, reach(n))


def passed(n: int, claim: str, margin: float, rate: float, difference: float, **how: Any) -> float:
    """The chance that a claim passes, or that "worse" is shown."""
    if claim == "worse":
        difference = -difference  # its region counts losses by wins
    return probability(region(n, claim, margin, **how), n, rate, difference)


def equivalent(n: int, margin: float, rate: float, difference: float) -> float:
    """The chance that "equivalent" passes: both one-sided tests do.

    Raises:
        RuntimeError: `compare` does not agree.
    """
    from scipy.stats import binom

    fewest = region(n, "not_worse", margin)
    losses = np.arange(fewest.size)
    most = np.searchsorted(np.maximum.accumulate(fewest), losses, side="right") - 1
    for place in np.linspace(0, min(losses.size, n // 2) - 1, 5).astype(int):
        for wins in {int(fewest[place]), int(most[place]), int(most[place]) + 1}:
            if not 0 <= wins <= n - place or wins >= losses.size - 1:
                continue
            inside = fewest[place] <= wins <= most[place]
            if (verdict(int(place), wins, n, "equivalent", margin=margin) == "pass") != inside:
                raise RuntimeError(f"{place} losses and {wins} wins of {n}: two tests, one region")
    lost, won = (rate - difference) / 2, (rate + difference) / 2
    share = won / (1 - lost)
    inside = binom.cdf(most, n - losses, share) - binom.cdf(fewest - 1, n - losses, share)
    return float(binom.pmf(losses, n, lost) @ np.maximum(inside, 0.0))


def worst(measure: Callable[[float], float], least: float) -> float:
    """The largest over discordant rates from the least possible one to the largest of `RATES`."""
    rates = np.geomspace(max(least, 1e-3), max(RATES), 60)
    return max(measure(float(rate)) for rate in rates)


def _sized(name: str, claim: str, margin: float, at: float, rates: Sequence[float]) -> list[Row]:
    """Rows of a claim at the edge of its null hypothesis."""
    least = abs(at)

    def rate_at(rate: float) -> Callable[[int, int], float]:
        if claim == "equivalent":
            return lambda n, _: equivalent(n, margin, rate, at)
        return lambda n, _: passed(n, claim, margin, rate, at)

    common: dict[str, Any] = {
        "section": "Right or wrong, enumerated",
        "sizes": SIZES,
        "most": ENUMERATED,
        "high": _limit if margin else at_most(MIDP_SIZE),
    }
    found = [
        Row(name=f"{name}, {100 * rate:g} % differ", measure=rate_at(rate), **common)
        for rate in rates
        if rate >= least
    ]

    def largest(n: int, _: int) -> float:
        return worst(lambda rate: rate_at(rate)(n, 0), least)

    if margin:
        common["high"] = _worst_limit
    return [*found, Row(name=f"{name}, worst rate", measure=largest, **common)]


def _limit(n: int, _: int) -> float:
    return EXACT_SIZE if n <= EXACT_UP_TO else SCORE_SIZE


def _worst_limit(n: int, _: int) -> float:
    return EXACT_SIZE if n <= EXACT_UP_TO else LARGEST_SIZE


def rows() -> list[Row]:
    """Every claim at every edge."""
    found = []
    for margin in MARGINS:
        words = f"margin {margin:g}"
        found += _sized(f"not worse, {words}", "not_worse", margin, -margin, RATES)
        found += _sized(f"better, {words}", "better", margin, margin, RATES)
        found += _sized(f"equivalent, {words}", "equivalent", margin, -margin, RATES)
    found += _sized("better", "better", 0.0, 0.0, RATES)
    found += _sized("worse", "worse", 0.0, 0.0, RATES)
    return found
