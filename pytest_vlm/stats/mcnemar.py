"""McNemar's test with the mid-p correction.

Fagerland, Lydersen & Laake (2013), "The McNemar test for binary matched-pairs data: mid-p and
asymptotic are better than exact conditional", BMC Medical Research Methodology 13:91.
"""

from __future__ import annotations

from pytest_vlm.stats.distributions import SMALLEST, fair_probability, fair_tail


def mcnemar_midp(losses: int, wins: int) -> float:
    """One-sided mid-p of H0: losses and wins are equally likely, against more losses.

    Returns:
        P(X > losses) + P(X = losses) / 2 for X ~ Binomial(losses + wins, 1/2);
        1 where there is nothing discordant: nothing speaks for a difference.
    """
    discordant = losses + wins
    if discordant == 0:
        return 1.0
    tail = fair_tail(losses, discordant) + fair_probability(losses, discordant) / 2
    return min(max(tail, SMALLEST), 1.0)
