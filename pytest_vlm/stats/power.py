"""The chance that a claim passes, before anything was asked.

For right-or-wrong scores nothing is approximated: pairs are lost, won or neither, and every count
of lost and won pairs that the claim's own test would let pass is added up with its probability.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from pytest_vlm.stats.arguments import one_of, real
from pytest_vlm.stats.clusters import least_deff
from pytest_vlm.stats.distributions import (
    incomplete_beta,
    normal_quantile,
    normal_tail,
    student_quantile,
)
from pytest_vlm.stats.exact import TIE, critical_z
from pytest_vlm.stats.mcnemar import mcnemar_midp
from pytest_vlm.stats.means import UNSEEN
from pytest_vlm.stats.planning import (
    BETS,
    POWER,
    bets,
    check_inside,
    check_rate,
    n_least,
    pairs_to_detect,
)
from pytest_vlm.stats.proportions import EXACT_UP_TO
from pytest_vlm.stats.result import Claim, ComparisonResult
from pytest_vlm.stats.tango import tango_z

Passes = Callable[[int, int], bool]
Counts = NDArray[np.int64]
DEVIATIONS = 7
LOOKS = 400
FEW_MORE = 20
REPLICATES = 400


def pass_probability(
    *,
    n: int,
    margin: float,
    discordant: float,
    difference: float = 0.0,
    claim: Claim = "not_worse",
    alpha: float = 0.05,
    deff: float = 1.0,
) -> float:
    """The chance that a claim about a right-or-wrong score passes.

    (b, c) is trinomial: b + c is Binomial(n, ψ), and c of them is Binomial(b + c, (ψ + Δ) / 2ψ).
    Counts further than 7 standard deviations from the expected ones are left out.

    Args:
        n: pairs.
        margin: in (0, 1); for ``no_regression`` the `mde`; for ``better`` it may be 0.
        discordant: ψ, the rate of pairs in which exactly one side is right.
        difference: Δ, the true candidate - baseline.
        claim: as in `compare`, and decided by the same tests.
        alpha: one-sided error rate of a pass.
        deff: design effect; n pairs in clusters count as n / deff independent ones, by Tango's
            score with a normal quantile (the claim itself takes Student's, which is stricter where
            clusters are few).

    Raises:
        StatisticsError: an argument outside its limits, or a difference that is impossible at this
            rate.
    """
    real("margin", margin, low=0, high=1, closed="both")
    real("n", n, low=0, closed="left")
    real("deff", deff, low=0)
    check_inside(alpha=alpha)
    check_rate(discordant, difference)
    one_of("claim", claim, get_args(Claim))
    pairs = int(n / deff + TIE)
    ruling_out = claim in ("not_worse", "equivalent")
    if pairs < (n_least(margin=margin, alpha=alpha) if ruling_out else 1):
        return 0.0
    passes = _passes(claim, pairs, margin, alpha, exact=deff == 1)
    winning = (discordant + difference) / (2 * discordant) if discordant else 0.5
    total, least = 0.0, None
    for count, probability in _likely(pairs, discordant):
        least = _least_wins(passes, count, least)
        chance = _at_least(least, count, winning)
        if claim == "equivalent":  # the other test is the mirror image
            chance = max(chance - _at_least(count - least + 1, count, winning), 0.0)
        if claim == "no_regression" and not _noticed(count, pairs, margin, alpha):
            break
        total += probability * chance
    return min(total, 1.0)


def pass_probability_of_means(
    *,
    n: int,
    margin: float,
    sd: float,
    difference: float = 0.0,
    claim: Claim = "not_worse",
    alpha: float = 0.05,
    deff: float = 1.0,
    reach: float = 1.0,
) -> float:
    """The chance that a claim about a bounded score passes, by a normal approximation.

    The mean difference is normal with variance deff · sd² / n, and the claim's test is that of
    `PairedMeans` without skewness: t with SE² = deff · sd² / n + 3 R² / G², G = n / deff.

    Args:
        n: pairs.
        margin: in units of the score; for ``no_regression`` the `mde`.
        sd: standard deviation of the differences of pairs.
        difference: the true candidate - baseline, in the score's better direction.
        claim: as in `compare`.
        alpha: one-sided error rate of a pass.
        deff: design effect of the clusters.
        reach: R, the largest difference that is possible: the width of the bounds; 0 without any.
    """
    groups = n / deff
    bounded = reach and margin and claim != "no_regression"
    if groups < max(n_least(margin=margin / reach, alpha=alpha) if bounded else 0, 2):
        return 0.0
    deviation = sd / math.sqrt(groups)
    error = math.sqrt(deviation**2 + UNSEEN * (reach / groups) ** 2)
    width = student_quantile(alpha, groups - 1) * error
    if claim == "no_regression":
        detectable = (normal_quantile(alpha) + normal_quantile(1 - POWER)) * error
        low = -width if detectable <= margin else math.inf
    else:
        low = width + (margin if claim == "better" else -margin)
    high = margin - width if claim == "equivalent" else math.inf
    if low > high:
        return 0.0
    return _beyond(low - difference, deviation) - _beyond(high - difference, deviation)


def n_required_of_means(
    *,
    margin: float,
    sd: float,
    alpha: float = 0.05,
    power: float = 0.8,
    deff: float = 1.0,
    reach: float = 1.0,
) -> int:
    """Fewest pairs with which a bounded score of an identical candidate passes "not worse".

    Args:
        margin: as in `pass_probability_of_means`; likewise `sd`, `alpha`, `deff` and `reach`.
        power: the chance of a pass, in (0, 1).
    """

    def enough(n: int) -> bool:
        chance = pass_probability_of_means(
            n=n, margin=margin, sd=sd, alpha=alpha, deff=deff, reach=reach
        )
        return chance >= power

    most = 2
    while not enough(most):
        most *= 2
    return bisect_left(range(most), True, key=enough)


def power_of(result: ComparisonResult) -> float | None:
    """The chance that an equally good candidate would pass, if as many pairs change.

    None for a claim that stops early and is about a bounded score, or about this dataset only: its
    path is not simulated.
    """
    discordant = result.n_discordant / result.n
    if result.e_value is not None:
        simulated = result.kind == "binary" and result.target == "population"
        if not simulated or result.claim != "not_worse":
            return None
        passing, _ = anytime_verdicts(
            n=int(result.n_planned / result.deff),
            margin=result.margin,
            discordant=discordant,
            alpha=result.alpha,
            replicates=REPLICATES,
        )
        return passing
    common: dict[str, Any] = {
        "n": result.n,
        "claim": result.claim,
        "alpha": result.alpha,
        "deff": result.deff,
    }
    if result.kind == "binary":
        return pass_probability(margin=result.margin, discordant=discordant, **common)
    margin = result.margin if result.kind == "bounded" else math.log1p(result.margin)
    return pass_probability_of_means(margin=margin, sd=result.sd, reach=result.reach, **common)


def identical_pass_rate(powers: Sequence[float]) -> float:
    """The chance that an identical candidate passes all claims, from the chance of each.

    The product, as if claims were independent. Claims about the same samples tend to agree, and
    then the rate is higher: in practice it is a lower bound. It never exceeds the smallest chance.

    Raises:
        StatisticsError: a chance that is not between 0 and 1.
    """
    return math.prod(
        real(f"powers[{i}]", chance, low=0, high=1, closed="both")
        for i, chance in enumerate(powers)
    )


def anytime_verdicts(
    *,
    n: int,
    margin: float,
    discordant: float,
    difference: float = 0.0,
    alpha: float = 0.05,
    replicates: int = 1000,
    seed: int = 0,
) -> tuple[float, float]:
    """How often "not worse" is decided when it is looked at after every few pairs, and how soon.

    Simulated: each replicate draws up to n pairs and stops where an e-process of
    `planning.bets` reaches 1 / α, for the claim or for "the candidate is inferior".

    Args:
        n: pairs that there are to look at.
        margin: in (0, 1).
        discordant: the rate of pairs in which exactly one side is right.
        difference: the true candidate - baseline.
        alpha: α, one-sided error rate.
        replicates: how many are drawn.
        seed: of the drawing.

    Returns:
        The share of replicates that pass, and the mean number of pairs until a verdict; n where
        there is none.
    """
    rng = np.random.default_rng(seed)
    looks = np.unique(np.linspace(1, n, min(n, LOOKS)).astype(int))
    losing, winning = (discordant - difference) / 2, (discordant + difference) / 2
    steps = np.diff(looks, prepend=0)
    drawn = rng.multinomial(steps, (losing, winning, 1 - discordant), (replicates, looks.size))
    lost, won, same = np.moveaxis(drawn.cumsum(axis=1), 2, 0)

    def first(null: float, down: Counts, up: Counts) -> Counts:
        """(replicates,) the first look at which "the mean is at most `null`" is rejected."""
        log_e = np.full(lost.shape, -np.inf)
        for bet in bets(null):
            worth = (math.log1p(bet * (x - null)) for x in (-1, 1, 0))
            grown = sum(c * w for c, w in zip((down, up, same), worth, strict=True))
            np.logaddexp(log_e, grown, out=log_e)
        reached = log_e >= math.log(BETS / alpha)
        return np.where(reached.any(axis=1), reached.argmax(axis=1), looks.size)

    passed, failed = first(-margin, lost, won), first(margin, won, lost)
    used = np.append(looks, n)[np.minimum(passed, failed)]
    return float((passed < np.minimum(failed, looks.size)).mean()), float(used.mean())


def expected_deff(cluster_size: float) -> float:
    """The design effect to plan with for clusters of one size: 1 + 0.3(m - 1)."""
    return least_deff((cluster_size,))


def _passes(claim: Claim, n: int, margin: float, alpha: float, *, exact: bool) -> Passes:
    """Whether b losses and c wins of n pairs pass; more wins instead of losses never hurt."""
    if claim == "no_regression":
        return lambda b, c: mcnemar_midp(b, c) > alpha
    if claim == "better" and margin == 0:
        return lambda b, c: mcnemar_midp(c, b) <= alpha
    null = margin if claim == "better" else -margin
    critical = normal_quantile(alpha)
    if exact and n <= EXACT_UP_TO:
        critical = critical_z(n, null, alpha) - TIE
    return lambda b, c: tango_z(b, c, n, null) >= critical


def _least_wins(passes: Passes, count: int, before: int | None) -> int:
    """The fewest wins among so many discordant pairs that pass; count + 1 where none do.

    Where `before` wins were the fewest of one pair less, it is as many, or one more.
    """
    if before is not None:
        return before + (before > count or not passes(count - before, before))
    return bisect_left(range(count + 1), True, key=lambda wins: passes(count - wins, wins))


def _noticed(count: int, n: int, mde: float, alpha: float) -> bool:
    """Whether a loss of `mde` would have been seen, as `PairedProportions.detectable` judges it."""
    rate = max(count / n, 1 - math.pow(alpha, 1 / n))
    return pairs_to_detect(effect=mde, discordant=rate, alpha=alpha, power=POWER) <= n


def _likely(n: int, rate: float) -> Iterator[tuple[int, float]]:
    """Every likely count of Binomial(n, rate), with its probability."""
    if rate in (0, 1):
        yield int(n * rate), 1.0
        return
    reach = DEVIATIONS * math.sqrt(n * rate * (1 - rate)) + FEW_MORE
    ways = math.lgamma(n + 1)
    for count in range(max(math.ceil(n * rate - reach), 0), min(int(n * rate + reach), n) + 1):
        chosen = ways - math.lgamma(count + 1) - math.lgamma(n - count + 1)
        likelihood = count * math.log(rate) + (n - count) * math.log1p(-rate)
        yield count, math.exp(chosen + likelihood)


def _at_least(wins: int, count: int, winning: float) -> float:
    """P(X ≥ wins) of Binomial(count, winning)."""
    if wins <= 0:
        return 1.0
    if wins > count:
        return 0.0
    return incomplete_beta(wins, count - wins + 1, winning, 1 - winning)


def _beyond(edge: float, deviation: float) -> float:
    """The chance that a normal value around 0 is at least `edge`."""
    if math.isinf(edge):
        return float(edge < 0)
    return normal_tail(edge / deviation) if deviation else float(edge <= 0)
