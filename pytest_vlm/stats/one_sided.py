"""Where Tango's score is too sure of a gain: all that changed was won, and nothing lost.

If no pair is ever lost, wins are binomial, and the score errs in up to 8 % of some samples above
300 pairs (7.0 % of 313, at a gain of 5 points). So a gain above `null` is shown only where that
binomial test shows it too; where pairs are lost it is far from deciding. Losses mirror this.
"""

from __future__ import annotations

from pytest_vlm.stats.distributions import binomial_tail, root


def shown_without(wins: float, n: float, null: float) -> float:
    """The p value of H0: the share of wins is at most `null`; 0 where that is none to speak of."""
    return binomial_tail(wins, n, null) if null > 0 else 0.0


def no_further(low: float, wins: float, n: float, tail: float) -> float:
    """The lower end of an interval, brought down to the largest `null` that is rejected at `tail`.

    Clopper & Pearson's, where that is lower.
    """
    if low <= 0 or binomial_tail(wins, n, low) <= tail:
        return low
    return root(lambda null: binomial_tail(wins, n, null) - tail, 0.0, low)
