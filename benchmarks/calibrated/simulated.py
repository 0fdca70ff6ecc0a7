"""Bounded, positive and clustered scores at the edge of a claim, by simulation of `compare`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from calibrated.draws import (
    Clusters,
    Draw,
    alike,
    averaged,
    discordant,
    equal_clusters,
    flips,
    losses,
    skewed,
    smooth,
    swapped,
    timed,
    uneven,
    unseen,
)
from calibrated.row import Row, at_most, fixed
from pytest_vlm.kinds import Kind
from pytest_vlm.stats import compare
from pytest_vlm.stats.result import Claim

MARGIN, CLUSTERED = 0.05, 0.07
SIZES = (30, 60, 100, 200, 500, 2000)
CHEAP, DEAR = 20_000, 4000
COVERED = 0.9


@dataclass(frozen=True, kw_only=True)
class Cell:
    """Pairs at the edge of a claim.

    Attributes:
        name: of the distribution.
        kind: of the score; lower is better for positive ones.
        draw: the pairs.
        claim: that would be wrong; of "no regression" it is the verdict "worse".
        margin: of the claim; 0 tests "no difference".
        clusters: (n,) names; None where pairs are independent.
        sizes: numbers of pairs.
        method: instead of the kind's own.
        most: replicates that are worth their time.
    """

    name: str
    kind: Kind
    draw: Draw
    claim: Claim = "not_worse"
    margin: float = MARGIN
    clusters: Clusters | None = None
    sizes: tuple[int, ...] = SIZES
    method: str = "auto"
    most: int = DEAR

    def results(self, n: int, replicates: int) -> Any:
        """Of `compare`, one a replicate; the same ones at each call."""
        rng = np.random.default_rng([n, *self.name.encode()])
        names = None if self.clusters is None else self.clusters(n).tolist()
        bound = {"mde": 0.5} if self.claim == "no_regression" else {"margin": self.margin}
        for _ in range(replicates):
            before, after = self.draw(rng, n)
            yield compare(
                baseline=before,
                candidate=after,
                claim=self.claim,
                kind=self.kind,
                better="lower" if self.kind == "positive" else "higher",
                clusters=names,
                ceiling=1.1,  # a perfect baseline can still lose
                method=self.method,  # type: ignore[arg-type]
                **bound,  # type: ignore[arg-type]
            )

    def errors(self, n: int, replicates: int) -> float:
        """The share of replicates in which the claim errs."""
        wrong = "fail" if self.claim == "no_regression" else "pass"
        return sum(r.verdict == wrong for r in self.results(n, replicates)) / replicates

    def covered(self, n: int, replicates: int) -> float:
        """The share of intervals that hold -margin."""
        found = self.results(n, replicates)
        return sum(r.ci[0] <= -self.margin <= r.ci[1] for r in found) / replicates

    def row(self, section: str) -> Row:
        """Of its errors."""
        return Row(
            section=section,
            name=f"{self.kind}: {self.name}",
            measure=self.errors,
            sizes=self.sizes,
            most=self.most,
            high=at_most(CLUSTERED) if self.clusters else fixed,
        )


def equal(kind: Kind, name: str, draw: Draw) -> list[Cell]:
    """Equally good checkpoints, of which one is called better or worse than the other."""
    words: tuple[tuple[str, Claim], ...] = (("better", "better"), ("worse", "no_regression"))
    return [
        Cell(name=f"{name}, called {word}", kind=kind, draw=draw, claim=claim, margin=0.0)
        for word, claim in words
    ]


def clustered(kind: Kind, name: str, draw: Draw, claim: Claim = "not_worse") -> list[Cell]:
    """The same pairs in equal and in uneven clusters, at least 40 worth as many equal ones."""
    designs: tuple[tuple[str, Clusters, tuple[int, ...]], ...] = (
        ("clusters of 2", equal_clusters(2), (100, 500, 2000)),
        ("clusters of 5", equal_clusters(5), (200, 500, 2000)),
        ("clusters of 10", equal_clusters(10), (500, 2000)),
        ("uneven clusters", uneven, (500, 2000)),
    )
    return [
        Cell(
            name=f"{name}, {words}",
            kind=kind,
            draw=alike(draw, clusters, 0.5),
            claim=claim,
            clusters=clusters,
            sizes=sizes,
            margin=0.0 if claim == "better" else MARGIN,
        )
        for words, clusters, sizes in designs
    ]


BOUNDED = (
    Cell(name="losses of 1, 5 %", kind="bounded", draw=losses(0.05, 1.0)),
    Cell(name="losses of 0.5, 10 %", kind="bounded", draw=losses(0.1, 0.5)),
    Cell(name="losses of 0.25, 20 %", kind="bounded", draw=losses(0.2, 0.25)),
    Cell(
        name="losses of 1, 2 %, margin 0.02",
        kind="bounded",
        draw=losses(0.02, 1.0),
        margin=0.02,
    ),
    Cell(
        name="losses of 1, 10 %, margin 0.1",
        kind="bounded",
        draw=losses(0.1, 1.0),
        margin=0.1,
    ),
    Cell(name="10 % lost, 5 % won", kind="bounded", draw=flips(0.10, 0.05, 0.5)),
    Cell(name="smooth", kind="bounded", draw=smooth(-0.05, 0.2)),
    Cell(
        name="smooth, called equivalent", kind="bounded", draw=smooth(0.05, 0.2), claim="equivalent"
    ),
    Cell(name="four completions", kind="bounded", draw=averaged(-0.05)),
    *equal("bounded", "four completions", averaged(0.0)),
    Cell(name="skewed, called better", kind="bounded", draw=skewed, claim="better", margin=0.0),
    Cell(name="skewed, called worse", kind="bounded", draw=swapped(skewed), claim="no_regression"),
    Cell(
        name="four completions, sign flips, called better",
        kind="bounded",
        draw=averaged(0.0),
        claim="better",
        margin=0.0,
        method="permutation",
        sizes=(30, 100),
        most=2000,
    ),
)
RARE = (
    *(
        Cell(
            name=f"{expected:g} unseen losses, {words}, margin {margin:g}",
            kind="bounded",
            draw=unseen(expected, -margin, noise),
            claim="not_worse" if margin else "better",
            margin=margin,
            sizes=(60, 100, 200, 500, 2000),
        )
        for noise, words in ((0.001, "small gains"), (0.0, "one gain"))
        for expected, margin in ((1.0, 0.0), (2.5, 0.0), (3.2, 0.0), (1.0, MARGIN))
    ),
)
POSITIVE = (
    Cell(name="ratio of 1.05", kind="positive", draw=timed(1.05)),
    Cell(name="ratio of 1.05, heavy tails", kind="positive", draw=timed(1.05, 0.1, 3)),
    Cell(
        name="ratio of 1.05, called equivalent",
        kind="positive",
        draw=timed(1.05),
        claim="equivalent",
    ),
    *equal("positive", "ratio of 1", timed(1)),
)
IN_CLUSTERS = (
    *clustered("binary", "15 % differ", discordant(0.15, -MARGIN)),
    *clustered("binary", "15 % differ, called equivalent", discordant(0.15, MARGIN), "equivalent"),
    *clustered("binary", "15 % differ, called better", discordant(0.15, 0), "better"),
    *clustered("binary", "10 % differ, called worse", discordant(0.1, 0), "no_regression"),
    *clustered("bounded", "smooth", smooth(-0.05, 0.2)),
    *clustered("bounded", "losses of 0.5, 10 %", losses(0.1, 0.5)),
    *clustered("bounded", "losses of 1, 5 %", losses(0.05, 1.0)),
    *clustered("bounded", "four completions, called worse", averaged(0.0), "no_regression"),
    *clustered("positive", "ratio of 1.05", timed(1.05)),
)


def rows() -> list[Row]:
    """Errors, and how often the bootstrap interval holds the truth."""
    bca = Cell(
        name="four completions, BCa interval",
        kind="bounded",
        draw=averaged(-0.05),
        method="bca",
        sizes=(60, 200),
        most=400,
    )
    return [
        *(cell.row("Bounded scores") for cell in BOUNDED),
        *(cell.row("Losses that nobody saw") for cell in RARE),
        *(replace(cell.row("Ratios"), most=CHEAP) for cell in POSITIVE),
        *(cell.row("Clusters") for cell in IN_CLUSTERS),
        Row(
            section="Coverage of the 90 % interval",
            name=f"{bca.kind}: {bca.name}",
            measure=bca.covered,
            sizes=bca.sizes,
            most=bca.most,
            low=COVERED - 0.05,
            high=at_most(1.0),
        ),
    ]
