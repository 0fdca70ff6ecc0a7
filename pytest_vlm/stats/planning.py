"""How many samples a claim needs, and what a number of samples can show."""

from __future__ import annotations

import math
from bisect import bisect_left

from pytest_vlm.errors import StatisticsError
from pytest_vlm.stats.arguments import real
from pytest_vlm.stats.distributions import normal_quantile, root

POWER = 0.8
BETS = 32


def n_required(
    *,
    margin: float,
    discordant: float,
    difference: float = 0.0,
    alpha: float = 0.05,
    power: float = 0.8,
) -> int:
    """Pairs for Tango's score to show "not worse by margin" with the given power.

    n = ((z_α s0 + z_β s1) / (Δ + m))², s1² = ψ - Δ², s0² = 2q̃ + d0(1 - d0), d0 = -m.

    Args:
        margin: m, in (0, 1).
        discordant: ψ, the rate of pairs in which exactly one side is right.
        difference: Δ, the true candidate - baseline.
        alpha: one-sided error rate, in (0, 1).
        power: the chance of a pass, in (0, 1).

    Raises:
        StatisticsError: an argument outside its limits; the difference is at or below -margin, or
            impossible at this rate.
    """
    check_inside(margin=margin, alpha=alpha, power=power)
    check_rate(discordant, difference)
    if difference + margin <= 0:
        raise StatisticsError(
            f"a difference of {difference:+g} can never show a margin of {margin}"
        )
    b, c = (discordant - difference) / 2, (discordant + difference) / 2
    d0 = -margin
    linear = -b - c + (2 - c + b) * d0
    q = (math.sqrt(linear**2 + 8 * b * d0 * (1 - d0)) - linear) / 4
    s0 = math.sqrt(2 * q + d0 * (1 - d0))
    s1 = math.sqrt(max(discordant - difference**2, 0.0))
    z_alpha, z_beta = normal_quantile(alpha), normal_quantile(1 - power)
    return max(
        math.ceil(((z_alpha * s0 + z_beta * s1) / (difference + margin)) ** 2),
        n_least(margin=margin, alpha=alpha),
    )


def n_least(*, margin: float, alpha: float = 0.05) -> int:
    """Fewest pairs that could show the margin if not one answer differed: ⌈ln α/ln(1-m)⌉.

    Args:
        margin: m, in (0, 1).
        alpha: α, one-sided error rate, in (0, 1).

    Raises:
        StatisticsError: an argument outside its limits.
    """
    check_inside(margin=margin, alpha=alpha)
    return math.ceil(math.log(alpha) / math.log1p(-margin))


def n_least_anytime(*, margin: float, alpha: float = 0.05) -> int:
    """Fewest pairs after which an e-process could show the margin if not one answer differed.

    The first n at which the mixture of bets, each of which has won n times m, is worth 1 / α.

    Args:
        margin: m, in (0, 1).
        alpha: α, one-sided error rate, in (0, 1).

    Raises:
        StatisticsError: an argument outside its limits.
    """
    check_inside(margin=margin, alpha=alpha)
    growth = [math.log1p(bet * margin) for bet in bets(-margin)]

    def shown(n: int) -> bool:
        most = n * growth[-1]
        worth = math.fsum(math.exp(n * one - most) for one in growth) / len(growth)
        return most + math.log(worth) >= -math.log(alpha)

    most = 1
    while not shown(most):
        most *= 2
    return bisect_left(range(most), True, key=shown)


def bets(null: float) -> list[float]:
    """λ_j = u_j / (1 + m0), u_j = 0.98 (j + 1/2) / J: stakes against "the mean is at most m0"."""
    return [0.98 * (j + 0.5) / BETS / (1 + null) for j in range(BETS)]


def detectable_effect(
    *, n: float, discordant: float, alpha: float = 0.05, power: float = 0.8
) -> float:
    """Smallest loss that a one-sided test of "no difference" on n pairs finds with the given power.

    Miettinen's formula: n = ((z_α √ψ + z_β √(ψ - Δ²)) / Δ)². Where not even a rate of ψ, all of it
    losses, would be found, ψ is raised until it is.

    Args:
        n: pairs; a design effect may leave a fraction of one.
        discordant: ψ, the rate of pairs in which exactly one side is right.
        alpha: one-sided error rate, in (0, 1).
        power: the chance to find the loss, in (0, 1).

    Returns:
        Δ, a share of the pairs; 1 where no loss would be found.

    Raises:
        StatisticsError: an argument outside its limits.
    """
    real("n", n, low=0)
    check_inside(alpha=alpha, power=power)
    check_rate(discordant)

    def surplus(effect: float) -> float:
        return n - pairs_to_detect(effect=effect, discordant=discordant, alpha=alpha, power=power)

    if surplus(1.0) < 0:
        return 1.0
    return root(surplus, 1e-6, 1.0)


def pairs_to_detect(
    *, effect: float, discordant: float, alpha: float = 0.05, power: float = 0.8
) -> float:
    """The inverse of `detectable_effect`: pairs that reveal a loss of `effect`, not rounded."""
    rate = max(discordant, effect)
    z_alpha, z_beta = normal_quantile(alpha), normal_quantile(1 - power)
    spread = z_alpha * math.sqrt(rate) + z_beta * math.sqrt(max(rate - effect**2, 0.0))
    return (spread / effect) ** 2


def check_inside(**shares: float) -> None:
    """Refuse a margin, an error rate or a power that is none.

    Raises:
        StatisticsError: one is not between 0 and 1, both left out.
    """
    for name, share in shares.items():
        real(name, share, low=0, high=1)


def check_rate(discordant: float, difference: float = 0.0) -> None:
    """Refuse a rate of discordant pairs that is none, or that a difference cannot come from.

    Raises:
        StatisticsError: the rate is not between 0 and 1, or less than the difference.
    """
    real("discordant", discordant, low=0, high=1, closed="both")
    if abs(real("difference", difference, low=-1, high=1, closed="both")) > discordant:
        raise StatisticsError(f"a difference of {difference:+g} needs a discordant rate as large")
