"""What the decision of a claim asks of a test, whatever the kind of the score."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from pytest_vlm.stats.cluster_sums import ClusterSums
from pytest_vlm.stats.result import Claim


@dataclass(frozen=True)
class Tested:
    """A test of "the difference is `null`".

    Attributes:
        statistic: of the test; positive speaks for a larger difference.
        below: one-sided p; small speaks for a smaller difference.
        above: one-sided p; small speaks for a larger difference.
        method: by name.
    """

    statistic: float
    below: float
    above: float
    method: str


class Procedure(Protocol):
    """A test of a difference, and the interval that goes with it."""

    def against(self, null: float) -> Tested:
        """Test a difference."""

    def interval(self, level: float) -> tuple[float, float]:
        """Two-sided, in the test's unit."""

    def detectable(self, alpha: float) -> float:
        """The achieved minimum detectable effect, as a margin."""

    def required(self, claim: Claim, margin: float, alpha: float) -> int | None:
        """Pairs that would show the claim if both sides were equal; None where it has no answer."""

    def too_few(self) -> str:
        """Why these pairs say nothing; empty where they do."""

    def unshowable(self, margin: float, alpha: float) -> str:
        """Why so few pairs could not show a margin if nothing differed; empty where they could."""

    def warnings(self) -> tuple[str, ...]:
        """What a reader must know beside the numbers."""


class PairedTest(Procedure, Protocol):
    """Pairs of one kind of score, and the procedure that is usual for it.

    Differences are in the test's own unit and in the score's better direction: a margin comes in by
    `bound`, and a difference goes out by `shown`.
    """

    @property
    def n(self) -> int:
        """Pairs."""

    @property
    def n_clusters(self) -> int:
        """Clusters of pairs."""

    @property
    def deff(self) -> float:
        """Design effect of the clusters, at least 1."""

    @property
    def means(self) -> tuple[float, float]:
        """Of the baseline and of the candidate, as the score gives them."""

    @property
    def changed(self) -> tuple[int, int]:
        """Pairs that got worse, and pairs that got better."""

    @property
    def difference(self) -> float:
        """The estimate."""

    @property
    def spread(self) -> float:
        """Standard deviation of the differences."""

    @property
    def dominance(self) -> float:
        """Cliff's delta, in the better direction."""

    @property
    def clusters(self) -> ClusterSums:
        """Of the differences."""

    def bound(self, margin: float) -> float:
        """A margin as a difference."""

    def shown(self, difference: float) -> float:
        """A difference as a reader sees it."""

    def assay(self, floor: float, ceiling: float) -> str:
        """Why this baseline could not tell checkpoints apart; empty where it could."""
