"""How often claims err: null cells of every kind of score, 4,000 replicates each.

    python benchmarks/calibration.py [--replicates 4000] [--only bounded]

Each row is a distribution of pairs exactly at the edge of its claim. An error is a pass, or, where
equal checkpoints are checked for a regression, a verdict of "worse". Exit status 1 where a cell
errs in more than 6.1 %, with clusters in more than 7 %.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from tqdm import tqdm

from pytest_vlm.kinds import Kind
from pytest_vlm.stats import compare
from pytest_vlm.stats.result import Claim

LIMIT, CLUSTERED_LIMIT = 0.061, 0.07
MARGIN = 0.05
SIZES = (30, 60, 100, 200, 500, 2000)
COMPLETIONS = 4
Sides = tuple[np.ndarray, np.ndarray]
Draw = Callable[[np.random.Generator, int], Sides]
Clusters = Callable[[int], np.ndarray]


@dataclass(frozen=True, kw_only=True)
class Cell:
    """Pairs at the edge of a claim.

    Attributes:
        name: of the distribution.
        kind: of the score; lower is better for positive ones.
        draw: (n,) values of the baseline and of the candidate.
        claim: that would be wrong.
        margin: of the claim; 0 tests "no difference".
        clusters: (n,) names; None where pairs are independent.
        sizes: numbers of pairs.
    """

    name: str
    kind: Kind
    draw: Draw
    claim: Claim = "not_worse"
    margin: float = MARGIN
    clusters: Clusters | None = None
    sizes: tuple[int, ...] = SIZES

    @property
    def limit(self) -> float:
        """The largest share of errors that is accepted."""
        return CLUSTERED_LIMIT if self.clusters else LIMIT

    def errors(self, n: int, replicates: int) -> float:
        """The share of replicates of n pairs in which the claim errs."""
        rng, seen = np.random.default_rng([n, *self.name.encode()]), 0
        names = None if self.clusters is None else self.clusters(n).tolist()
        bound: dict[str, Any] = (
            {"mde": 0.5} if self.claim == "no_regression" else {"margin": self.margin}
        )
        wrong = "fail" if self.claim == "no_regression" else "pass"
        for _ in range(replicates):
            before, after = self.draw(rng, n)
            result = compare(
                baseline=before,
                candidate=after,
                claim=self.claim,
                kind=self.kind,
                better="lower" if self.kind == "positive" else "higher",
                clusters=names,
                ceiling=1.1,  # a perfect baseline can still lose
                **bound,
            )
            seen += result.verdict == wrong
        return seen / replicates


def flips(lost: float, won: float, neither: float = 1.0) -> Draw:
    """Whole losses and whole wins; the other pairs have one value."""

    def draw(rng: np.random.Generator, n: int) -> Sides:
        u = rng.random(n)
        loses, wins = u < lost, (lost <= u) & (u < lost + won)
        before = np.where(loses, 1.0, np.where(wins, 0.0, neither))
        return before, np.where(loses, 0.0, np.where(wins, 1.0, neither))

    return draw


def losses(share: float, size: float) -> Draw:
    """Losses of one size."""
    return lambda rng, n: (np.full(n, 1.0), 1.0 - size * (rng.random(n) < share))


def unseen(expected: float, mean: float, noise: float) -> Draw:
    """Whole losses, so rare that few are expected, and everywhere else one small difference.

    Where none is seen, nothing in the data speaks of them.
    """

    def draw(rng: np.random.Generator, n: int) -> Sides:
        share = expected / n
        usual = (mean + share) / (1 - share)
        difference = np.where(rng.random(n) < share, -1.0, usual + noise * rng.uniform(-1, 1, n))
        before = np.where(difference < -0.5, 1.0, 0.5)
        return before, before + difference

    return draw


def smooth(shift: float, spread: float) -> Draw:
    """Differences of every pair."""

    def draw(rng: np.random.Generator, n: int) -> Sides:
        before = rng.uniform(0.4, 0.6, n)
        return before, before + shift + rng.uniform(-spread, spread, n)

    return draw


def averaged(shift: float) -> Draw:
    """Right-or-wrong completions of each side; most prompts are easy or hopeless."""

    def draw(rng: np.random.Generator, n: int) -> Sides:
        p = abs(shift) + (1 - abs(shift)) * rng.beta(0.4, 0.4, n)
        before, after = (rng.binomial(COMPLETIONS, chance) for chance in (p, p + shift))
        return before / COMPLETIONS, after / COMPLETIONS

    return draw


def skewed(rng: np.random.Generator, n: int) -> Sides:
    """Many small gains and few whole losses: no difference in the mean."""
    u = rng.random(n)
    difference = np.where(u < 0.03, -1.0, np.where(u < 0.33, 0.1, 0.0))
    before = np.where(difference < 0, 1.0, 0.2)
    return before, before + difference


def swapped(draw: Draw) -> Draw:
    """Candidate and baseline exchanged."""
    return lambda rng, n: draw(rng, n)[::-1]


def timed(ratio: float, spread: float = 0.2, tail: float = np.inf) -> Draw:
    """Positive values whose log ratio is Student's, with `tail` degrees of freedom."""

    def draw(rng: np.random.Generator, n: int) -> Sides:
        before = rng.lognormal(0, 1, n)
        noise = rng.normal(size=n) if np.isinf(tail) else rng.standard_t(tail, n)
        return before, before * ratio * np.exp(spread * noise)

    return draw


def fives(n: int) -> np.ndarray:
    """Five pairs a cluster."""
    return np.arange(n) // 5


def uneven(n: int) -> np.ndarray:
    """Clusters of 1, 2, 3, 4, 10 pairs in turn; n is a multiple of 20."""
    sizes = np.tile([1, 2, 3, 4, 10], n // 20)
    return np.repeat(np.arange(sizes.size), sizes)


def alike(draw: Draw, clusters: Clusters, share: float) -> Draw:
    """In a share of the clusters all pairs are copies of one, in the others independent."""

    def drawn(rng: np.random.Generator, n: int) -> Sides:
        names = clusters(n)
        first = np.unique(names, return_index=True)[1]
        copied = rng.random(first.size) < share
        source = np.where(copied[names], first[names], np.arange(n))
        before, after = draw(rng, n)
        return before[source], after[source]

    return drawn


def equal(kind: Kind, name: str, draw: Draw) -> list[Cell]:
    """Equally good checkpoints, of which one is called better or worse than the other."""
    words: tuple[tuple[str, Claim], ...] = (("better", "better"), ("worse", "no_regression"))
    return [
        Cell(name=f"{name}, called {word}", kind=kind, draw=draw, claim=claim, margin=0.0)
        for word, claim in words
    ]


def clustered(kind: Kind, name: str, draw: Draw, claim: Claim = "not_worse") -> list[Cell]:
    """The same pairs in equal and in uneven clusters, at least 40 worth as many equal ones."""
    designs = (("clusters of 5", fives, (200, 500, 2000)), ("uneven clusters", uneven, (500, 2000)))
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


CELLS = (
    *(
        Cell(
            name=f"{100 * rate:g} % differ",
            kind="binary",
            draw=flips((rate + MARGIN) / 2, (rate - MARGIN) / 2),
        )
        for rate in (0.05, 0.10, 0.15, 0.30)
    ),
    *equal("binary", "5 % differ", flips(0.025, 0.025)),
    *equal("binary", "10 % differ", flips(0.05, 0.05)),
    *equal("binary", "15 % differ", flips(0.075, 0.075)),
    *equal("binary", "30 % differ", flips(0.15, 0.15)),
    Cell(
        name="15 % differ, called equivalent",
        kind="binary",
        draw=flips(0.1, 0.05),
        claim="equivalent",
    ),
    Cell(name="losses of 1, 5 %", kind="bounded", draw=losses(0.05, 1.0)),
    Cell(name="losses of 0.5, 10 %", kind="bounded", draw=losses(0.1, 0.5)),
    Cell(name="losses of 0.25, 20 %", kind="bounded", draw=losses(0.2, 0.25)),
    Cell(name="losses of 1, 2 %", kind="bounded", draw=losses(0.02, 1.0), margin=0.02),
    Cell(name="losses of 1, 10 %", kind="bounded", draw=losses(0.1, 1.0), margin=0.1),
    Cell(name="10 % lost, 5 % won", kind="bounded", draw=flips(0.10, 0.05, 0.5)),
    Cell(name="smooth", kind="bounded", draw=smooth(-0.05, 0.2)),
    Cell(
        name="smooth, called equivalent", kind="bounded", draw=smooth(0.05, 0.2), claim="equivalent"
    ),
    Cell(name="four completions", kind="bounded", draw=averaged(-0.05)),
    *equal("bounded", "four completions", averaged(0.0)),
    Cell(name="skewed, called better", kind="bounded", draw=skewed, claim="better", margin=0.0),
    Cell(name="skewed, called worse", kind="bounded", draw=swapped(skewed), claim="no_regression"),
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
    Cell(name="ratio of 1.05", kind="positive", draw=timed(1.05)),
    Cell(name="ratio of 1.05, heavy tails", kind="positive", draw=timed(1.05, 0.1, 3)),
    Cell(
        name="ratio of 1.05, called equivalent",
        kind="positive",
        draw=timed(1.05),
        claim="equivalent",
    ),
    *equal("positive", "ratio of 1", timed(1)),
    *clustered("binary", "15 % differ", flips(0.1, 0.05)),
    *clustered("binary", "15 % differ, called better", flips(0.075, 0.075), "better"),
    *clustered("bounded", "smooth", smooth(-0.05, 0.2)),
    *clustered("bounded", "losses of 0.5, 10 %", losses(0.1, 0.5)),
    *clustered("bounded", "losses of 1, 5 %", losses(0.05, 1.0)),
    *clustered("bounded", "four completions, called worse", averaged(0.0), "no_regression"),
    *clustered("positive", "ratio of 1.05", timed(1.05)),
)


def main() -> int:
    """Print the table; 1 where a cell errs too often."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--replicates", type=int, default=4000, help="of each cell (default 4000)")
    parser.add_argument("--only", default="", metavar="WORDS", help="cells named so")
    arguments = parser.parse_args()
    cells = [cell for cell in CELLS if arguments.only in f"{cell.kind}: {cell.name}"]
    exceeded = []
    print(f"{'errors in %, by pairs':58}" + "".join(f"{n:>7}" for n in SIZES))
    for cell in tqdm(cells, desc="cells"):
        row = ""
        for n in SIZES:
            rate = cell.errors(n, arguments.replicates) if n in cell.sizes else None
            row += f"{'':7}" if rate is None else f"{100 * rate:7.1f}"
            if rate is not None and rate > cell.limit:
                exceeded.append(f"{cell.kind}: {cell.name}, {n} pairs: {100 * rate:.1f} %")
        print(f"{cell.kind + ': ' + cell.name:58}{row}", flush=True)
    print("\n".join(["", "too often:", *exceeded] if exceeded else ["every cell keeps its limit"]))
    return int(bool(exceeded))


if __name__ == "__main__":
    sys.exit(main())
