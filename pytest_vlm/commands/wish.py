"""What a gate should be able to do, and what that takes."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What the gate should be able to do.

    Attributes:
        claims: of the gate; all must pass.
        power: the chance that they do, for a candidate as good as the baseline.
        alpha: one-sided error rate of each.
        deff: design effect: so many clustered samples say as much as one independent sample.
    """

    claims: int
    power: float
    alpha: float
    deff: float = 1.0

    def samples(self, margin: float, discordant: float, power: float | None = None) -> int:
        """Samples for each claim, each planned at 1 - β/K."""
        from pytest_vlm.stats.planning import n_required

        each = self.each(power)
        n = n_required(margin=margin, discordant=discordant, alpha=self.alpha, power=each)
        return math.ceil(self.deff * n)

    def chance(self, margin: float, discordant: float, n: int, difference: float = 0.0) -> float:
        """That one claim passes with n samples."""
        from pytest_vlm.stats.power import pass_probability

        return pass_probability(
            n=n,
            margin=margin,
            discordant=max(discordant, abs(difference)),
            difference=difference,
            alpha=self.alpha,
            deff=self.deff,
        )

    def all(self, chance: float) -> float:
        """The chance that every claim passes, from that of one."""
        from pytest_vlm.stats.power import identical_pass_rate

        return identical_pass_rate([chance] * self.claims)

    def least(self, margin: float) -> int:
        """Samples below which nothing could be shown even if not one answer differed."""
        from pytest_vlm.stats.planning import n_least

        return math.ceil(self.deff * n_least(margin=margin, alpha=self.alpha))

    def each(self, power: float | None = None) -> float:
        """The power of one claim."""
        return 1 - (1 - (self.power if power is None else power)) / self.claims

    @property
    def all_claims(self) -> str:
        """``the claim``, or ``all 5 claims``."""
        return "the claim" if self.claims == 1 else f"all {self.claims} claims"
