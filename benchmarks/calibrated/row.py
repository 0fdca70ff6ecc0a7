"""A row of the table: one figure for each number of pairs, and the limits it must keep."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

Limit = Callable[[int, int], float]
ENUMERATED = 0


def at_most(share: float) -> Limit:
    """One limit, whatever the number of pairs and of replicates."""
    return lambda n, replicates: share


def fixed(n: int, replicates: int) -> float:
    """5 % and what 3.2 standard errors add: 6.1 % at 4,000 replicates, 5.5 % at 20,000."""
    return round(0.05 + 3.2 * math.sqrt(0.05 * 0.95 / max(replicates, 1)), 3)


def anytime(n: int, replicates: int) -> float:
    """5 % and three standard errors of the simulation."""
    return 0.05 + 3 * math.sqrt(0.05 * 0.95 / max(replicates, 1))


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line.

    Attributes:
        section: heading of its table.
        name: what is measured.
        measure: (pairs, replicates) to a share, or to a number of pairs.
        sizes: numbers of pairs.
        most: replicates that are worth their time; `ENUMERATED` where none are needed.
        low: the smallest figure that is accepted.
        high: the largest, given the pairs and the replicates.
        share: whether the figure is one, rather than a number of pairs.
    """

    section: str
    name: str
    measure: Callable[[int, int], float]
    sizes: tuple[int, ...]
    most: int = 20_000
    low: float = 0.0
    high: Limit = fixed
    share: bool = True

    def count(self, replicates: int) -> int:
        """The replicates that are made where so many are asked for."""
        return min(replicates, self.most)

    def holds(self, figure: float, n: int, replicates: int) -> bool:
        """Whether a figure keeps its limits."""
        return self.low <= figure <= self.high(n, self.count(replicates))

    def limits(self, replicates: int) -> str:
        """In words; two where small numbers of pairs have another one than large."""
        highs = sorted({self.high(n, self.count(replicates)) for n in self.sizes})
        if self.share and highs[0] >= 1:
            return f"≥ {self.shown(self.low)}"
        high = " / ".join(map(self.shown, highs))
        return f"{self.shown(self.low)} to {high}" if self.low else f"≤ {high}"

    def shown(self, figure: float) -> str:
        """As a cell of the table."""
        return f"{100 * figure:.1f}" if self.share else f"{figure:.0f}"
