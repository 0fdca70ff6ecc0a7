"""E-processes: errors at any stopping time, errors after all pairs, and how soon they decide."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from calibrated.draws import (
    Clusters,
    Draw,
    Sides,
    alike,
    averaged,
    discordant,
    equal_clusters,
    losses,
    smooth,
    uneven,
)
from calibrated.row import Row, anytime, at_most
from pytest_vlm.stats import compare
from pytest_vlm.stats.betting import Betting
from pytest_vlm.stats.cluster_sums import ClusterSums
from pytest_vlm.stats.decision import Decision, decide
from pytest_vlm.stats.result import Claim, Target
from pytest_vlm.stats.sequential import EarlyStopping, Stream

MARGIN, ALPHA = 0.05, 0.05
DEAR, CHECKED = 4000, 3
LONG = 2000


@dataclass(frozen=True, kw_only=True)
class Followed:
    """A claim that is followed pair by pair, or cluster by cluster.

    Attributes:
        name: of the distribution.
        draw: the pairs, in random order.
        claim: of "no regression" the verdict "worse" counts, of others "pass".
        margin: of the claim.
        clusters: (n,) names; None where pairs are independent.
        target: what the claim is about.
        early: stop as soon as it is decided; otherwise it is judged once, after all pairs.
    """

    name: str
    draw: Draw
    claim: Claim = "not_worse"
    margin: float = MARGIN
    clusters: Clusters | None = None
    target: Target = "population"
    early: bool = True

    def decisions(self, n: int, replicates: int) -> Iterator[Decision]:
        """One a replicate; the same ones at each call.

        Raises:
            RuntimeError: `compare` says something else.
        """
        rng = np.random.default_rng([n, *self.name.encode()])
        names = np.arange(n) if self.clusters is None else self.clusters(n)
        sizes = np.bincount(names).astype(float)
        for number in range(replicates):
            before, after = self.draw(rng, n)
            sums = np.bincount(names, weights=after - before)
            found = self._decide(ClusterSums(sums=sums, sizes=sizes, reach=1.0))
            if number < CHECKED:
                self._check(found, before, after, names, sizes)
            yield found

    def shown(self, n: int, replicates: int) -> float:
        """How often the verdict comes, at any time."""
        verdict = "fail" if self.claim == "no_regression" else "pass"
        return sum(d.verdict == verdict for d in self.decisions(n, replicates)) / replicates

    def spent(self, n: int, replicates: int) -> float:
        """Pairs until a verdict, on average; all of them where there is none."""
        return float(np.mean([d.stopped_at or n for d in self.decisions(n, replicates)]))

    def _decide(self, clusters: ClusterSums) -> Decision:
        if self.early:
            process = EarlyStopping(clusters, target=self.target)
            return process.follow(self.claim, bound=self.margin, detectable=True, alpha=ALPHA)
        return decide(
            Betting(clusters), self.claim, bound=self.margin, detectable=True, alpha=ALPHA
        )

    def _check(
        self,
        found: Decision,
        before: np.ndarray,
        after: np.ndarray,
        names: np.ndarray,
        sizes: np.ndarray,
    ) -> None:
        stream = Stream.of(sizes.astype(int).tolist()) if self.early else None
        bound = {"mde": 0.9} if self.claim == "no_regression" else {"margin": self.margin}
        result = compare(
            baseline=before,
            candidate=after,
            claim=self.claim,
            kind="bounded",
            clusters=None if self.clusters is None else names.tolist(),
            sequential=stream,
            method="auto" if self.early else "betting",
            target=self.target,
            floor=-1.0,
            ceiling=2.0,
            **bound,  # type: ignore[arg-type]
        )
        if {result.verdict, found.verdict} == {"pass", "fail"} or (
            found.verdict != result.verdict and self.claim != "no_regression"
        ):
            raise RuntimeError(f"{self.name}: {found.verdict}, but compare says {result.verdict}")


def drawn_without_return(rate: float, difference: float) -> Draw:
    """A dataset whose own difference is exactly so, in a new order each time."""

    def draw(rng: np.random.Generator, n: int) -> Sides:
        lost, won = (round(n * (rate - side * difference) / 2) for side in (1, -1))
        before, after = np.ones(n), np.ones(n)
        after[:lost] = 0.0
        before[lost : lost + won] = 0.0
        order = rng.permutation(n)
        return before[order], after[order]

    return draw


def _row(cell: Followed, section: str, sizes: tuple[int, ...]) -> Row:
    return Row(
        section=section, name=cell.name, measure=cell.shown, sizes=sizes, most=DEAR, high=anytime
    )


def rows() -> list[Row]:
    """Null cells, and the expected number of pairs."""
    ever = [
        *(
            Followed(
                name=f"{100 * rate:g} % differ, not worse, margin {margin:g}",
                draw=discordant(rate, -margin),
                margin=margin,
            )
            for rate, margin in ((0.05, 0.02), (0.05, 0.05), (0.1, 0.05), (0.3, 0.05), (0.1, 0.1))
        ),
        Followed(name="15 % differ, better", draw=discordant(0.15, 0), claim="better", margin=0.0),
        Followed(name="10 % differ, worse", draw=discordant(0.1, 0), claim="no_regression"),
        Followed(name="15 % differ, equivalent", draw=discordant(0.15, MARGIN), claim="equivalent"),
        Followed(name="bounded: smooth, not worse", draw=smooth(-0.05, 0.2)),
        Followed(name="bounded: losses of 0.5, not worse", draw=losses(0.1, 0.5)),
        Followed(name="bounded: four completions, worse", draw=averaged(0), claim="no_regression"),
        Followed(
            name="clusters of 5, 15 % differ, not worse",
            draw=alike(discordant(0.15, -MARGIN), equal_clusters(5), 0.5),
            clusters=equal_clusters(5),
        ),
        Followed(
            name="uneven clusters, 15 % differ, not worse",
            draw=alike(discordant(0.15, -MARGIN), uneven, 0.5),
            clusters=uneven,
        ),
        Followed(
            name="clusters of 5, 10 % differ, worse",
            draw=alike(discordant(0.1, 0), equal_clusters(5), 0.5),
            clusters=equal_clusters(5),
            claim="no_regression",
        ),
    ]
    dataset = [
        Followed(
            name=f"this dataset, {100 * rate:g} % differ, {words}",
            draw=drawn_without_return(rate, difference),
            claim=claim,
            target="dataset",
        )
        for rate, difference, claim, words in (
            (0.1, -MARGIN, "not_worse", "not worse"),
            (0.3, -MARGIN, "not_worse", "not worse"),
            (0.1, 0.0, "no_regression", "worse"),
        )
    ]
    once: list[tuple[str, Draw, Claim]] = [
        ("10 % differ, not worse", discordant(0.1, -MARGIN), "not_worse"),
        ("bounded: losses of 0.5, not worse", losses(0.1, 0.5), "not_worse"),
        ("bounded: four completions, worse", averaged(0), "no_regression"),
    ]
    judged = [Followed(name=f"{n}, once", draw=d, claim=c, early=False) for n, d, c in once]
    errors = "Stopping at any time"
    return [
        *(_row(cell, errors, (300, LONG)) for cell in ever),
        *(_row(cell, errors, (200, 1000)) for cell in dataset),
        *(_row(cell, "Betting once, after all pairs", (100, 500)) for cell in judged),
        *soon(),
    ]


def soon() -> list[Row]:
    """Expected pairs to a verdict, of 2,000 at most."""
    cases: tuple[tuple[float, float, Claim, float], ...] = (
        (0.1, 0.0, "not_worse", 300),
        (0.1, 0.02, "not_worse", 160),
        (0.1, -0.1, "no_regression", 70),
        (0.2, -0.2, "no_regression", 35),
    )

    def row(rate: float, difference: float, claim: Claim, expected: float) -> Row:
        words = "not worse" if claim == "not_worse" else "worse"
        name = f"{100 * rate:g} % differ, a difference of {100 * difference:+g} points, {words}"
        measure: Callable[[int, int], float] = Followed(
            name=name, draw=discordant(rate, difference), claim=claim
        ).spent
        return Row(
            section="Pairs until a verdict",
            name=name,
            measure=measure,
            sizes=(LONG,),
            most=DEAR,
            low=0.85 * expected,
            high=at_most(1.15 * expected),
            share=False,
        )

    return [row(*case) for case in cases]
