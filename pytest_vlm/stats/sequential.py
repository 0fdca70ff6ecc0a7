"""Early stopping: a claim followed cluster by cluster, valid wherever one stops.

The clusters must come in random order, and what is looked at must be all that came so far: a sorted
dataset would pass a false claim every time.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pytest_vlm.stats.betting import Wagers, betting_interval, log_e, p_of
from pytest_vlm.stats.cluster_sums import ClusterSums
from pytest_vlm.stats.decision import Decision
from pytest_vlm.stats.planning import BETS
from pytest_vlm.stats.result import Claim, Target, Verdict

POINTS = 64
LARGEST_LOG = 700.0


@dataclass(frozen=True, kw_only=True)
class Stream:
    """Pairs that are the beginning of a stream whose clusters come in random order.

    Attributes:
        n: pairs in all.
        n_clusters: clusters in all.
        largest_cluster: pairs of the largest one, whether it came already or not.
    """

    n: int
    n_clusters: int
    largest_cluster: int

    @classmethod
    def of(cls, sizes: Sequence[int]) -> Stream:
        """A stream of clusters of these sizes."""
        return cls(n=sum(sizes), n_clusters=len(sizes), largest_cluster=max(sizes))


@dataclass(frozen=True)
class _Hypothesis:
    """The mean difference, times `sign`, is at most `null`."""

    sign: int
    null: float


class EarlyStopping(Wagers):
    """One e-process for each hypothesis that the claim, or its opposite, must reject.

    Args:
        clusters: what came so far, in order.
        stream: all that is to come; by default nothing more.
        target: ``dataset`` makes claims about the stream's own pairs and no others: evidence grows
            faster as it comes to its end, and then nothing is left to chance.
    """

    def __init__(
        self, clusters: ClusterSums, stream: Stream | None = None, target: Target = "population"
    ) -> None:
        super().__init__(clusters)
        self.stream = stream or Stream.of(clusters.sizes.astype(int).tolist())
        self._population = self.stream.n_clusters if target == "dataset" else None
        where = ", of this dataset" if target == "dataset" else ""
        self._method = f"e-process, {BETS} bets after every cluster{where}"

    @property
    def complete(self) -> bool:
        """Whether nothing is left to come."""
        return self._clusters.sums.size >= self.stream.n_clusters

    def follow(self, claim: Claim, *, bound: float, detectable: bool, alpha: float) -> Decision:
        """The verdict at the first cluster after which there is one.

        ``no_regression`` can stop early in failure only; it passes where all was seen.
        """
        shows, denies = _hypotheses(claim, bound)
        passing, failing = self._strongest(shows, np.min), self._strongest(denies, np.max)
        threshold = -math.log(alpha)
        passed, failed = _first(passing, threshold), _first(failing, threshold)
        stop = min(passed, failed)
        verdict: Verdict = "inconclusive"
        if stop < passing.size:
            verdict = "pass" if passed < failed else "fail"
        elif claim == "no_regression" and self.complete and detectable:
            verdict = "pass"
        last = min(stop, passing.size - 1)
        evidence = float((passing if shows else failing)[last])
        alternative = {"no_regression": "less", "equivalent": "within margin"}.get(claim, "greater")
        null = shows[0].sign * shows[0].null if shows else 0.0
        pairs = np.cumsum(self._clusters.sizes).astype(int)
        return Decision(
            verdict=verdict,
            statistic=evidence,
            p_value=p_of(evidence),
            alternative=alternative,
            null=null,
            method=self._method,
            e_value=math.exp(min(evidence, LARGEST_LOG)),
            stopped_at=int(pairs[stop]) if stop < passing.size else None,
            path=_thinned(pairs, passing, failing, last),
        )

    def interval(self, level: float) -> tuple[float, float]:
        """The differences that were rejected at no look."""
        return betting_interval(
            self._clusters, level, lambda side, null: float(self._evidence(side, null).max())
        )

    def detectable(self, alpha: float) -> float:
        """See `detectable_by_betting`; no loss of a dataset that was seen goes unnoticed."""
        known = self._population is not None and self.complete
        return 0.0 if known else super().detectable(alpha)

    def required(self, claim: Claim, margin: float, alpha: float) -> int | None:
        """See `required_by_betting`; at most the dataset, where it is about no more."""
        pairs = super().required(claim, margin, alpha)
        if pairs is None or self._population is None:
            return pairs
        return min(pairs, self.stream.n)

    def _strongest(
        self, hypotheses: Sequence[_Hypothesis], joined: Callable[..., NDArray[np.float64]]
    ) -> NDArray[np.float64]:
        """(G,) the largest evidence so far against all or any of them; none is ever shown."""
        if not hypotheses:
            return np.full(self._clusters.sums.size, -math.inf)
        mirrored = self._clusters.mirrored()
        found = [
            np.maximum.accumulate(
                self._evidence(self._clusters if one.sign > 0 else mirrored, one.null)
            )
            for one in hypotheses
        ]
        return joined(found, axis=0)

    def _evidence(self, side: ClusterSums, null: float) -> NDArray[np.float64]:
        largest = float(self.stream.largest_cluster)
        return log_e(side, null, largest=largest, population=self._population)


def _hypotheses(claim: Claim, bound: float) -> tuple[list[_Hypothesis], list[_Hypothesis]]:
    """All that must be rejected to show a claim, and any that would refute it."""
    above, below = _Hypothesis(1, -bound), _Hypothesis(-1, bound)
    if claim == "not_worse":
        return [above], [below]
    if claim == "better":
        return [_Hypothesis(1, bound)], [_Hypothesis(-1, -bound)]
    if claim == "equivalent":
        return [above, _Hypothesis(-1, -bound)], [_Hypothesis(1, bound), below]
    return [], [_Hypothesis(-1, 0.0)]


def _first(evidence: NDArray[np.float64], threshold: float) -> int:
    """The first place that reaches the threshold; the size where none does."""
    reached = evidence >= threshold
    return int(reached.argmax()) if reached.any() else evidence.size


def _thinned(
    pairs: NDArray[np.int64],
    passing: NDArray[np.float64],
    failing: NDArray[np.float64],
    last: int,
) -> tuple[tuple[int, float, float], ...]:
    places = np.unique(np.linspace(0, last, min(last + 1, POINTS)).astype(int))
    bounded = (np.nan_to_num(side, posinf=LARGEST_LOG, neginf=0.0) for side in (passing, failing))
    claim, opposite = bounded
    return tuple(
        (int(pairs[i]), round(float(claim[i]), 4), round(float(opposite[i]), 4)) for i in places
    )
