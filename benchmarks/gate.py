"""How often the whole gate errs: sessions with scripted checkpoints, claims, and the verdict.

    python benchmarks/gate.py [--replicates 2000] [--only identical] [--claims 1 5 20]

Every replicate opens a session over new answers of a baseline and a candidate (the engine ``fake``
with a script), makes K claims with K scores that do not depend on each other, and lets the gate
decide over what they recorded; nothing of claims, records and gate is left out. Scenarios:

identical    an equally good candidate, one answer in ten differs: it ships as often as announced
anytime      the same, stopping as soon as a claim is decided
regression   the same with "no regression": a false HOLD in at most 6.1 %, whatever K
broken       exactly at -margin on one claim, better on the others: it ships in at most 6.1 %
broken-anytime   likewise, stopping early
drift        ten steps of -1.5 points, margin 5: each step passes, the anchor does not

Exit status 1 where a figure misses its limit.
"""

from __future__ import annotations

import argparse
import math
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scripted_gate import ACCURACY, Claim, Gate, drawn, drifted
from tqdm import tqdm

MARGIN, MDE, STEPS = 0.05, 0.10, 10
LARGEST_ERROR, POINTS = 0.061, 0.03
ENOUGH = 2000


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One line of the table."""

    name: str
    seen: float
    low: float
    high: float
    note: str = ""

    @property
    def holds(self) -> bool:
        """Whether it lies within its limits."""
        return self.low <= self.seen <= self.high


Bar = Callable[[int, str], Iterable[int]]


def identical(gate: Gate, replicates: int, bar: Bar) -> list[Figure]:
    """The share of equally good candidates that ship, beside the announced one."""
    rng, shipped, announced = np.random.default_rng(gate.claims), 0, []
    for _ in bar(replicates, "identical"):
        verdict, _ = gate.run(*drawn(rng, gate, [0.0] * gate.claims))
        shipped += verdict.verdict == "SHIP"
        announced.append(verdict.family["pass_rate"])
    rate, said = shipped / replicates, float(np.mean(announced))
    chance = 3 * math.sqrt(said * (1 - said) / replicates)
    allowed = POINTS if replicates >= ENOUGH else max(POINTS, chance)
    note = f"announced {said:.1%}, on average"
    return [
        Figure(
            name="an equal candidate ships",
            seen=rate,
            low=said - allowed,
            high=said + allowed,
            note=note,
        )
    ]


def regression(gate: Gate, replicates: int, bar: Bar) -> list[Figure]:
    """The share of equally good candidates that are held, and of those without a correction."""
    rng, held, naive = np.random.default_rng(gate.claims), 0, 0
    for _ in bar(replicates, "regression"):
        verdict, claims = gate.run(*drawn(rng, gate, [0.0] * gate.claims))
        held += verdict.verdict == "HOLD"
        naive += any(claim.result["p_value"] <= 0.05 for claim in claims)
    return [
        Figure(
            name="an equal candidate is held for a regression",
            seen=held / replicates,
            low=0,
            high=_limit(replicates),
            note=f"without a correction {naive / replicates:.1%}",
        )
    ]


def broken(gate: Gate, replicates: int, bar: Bar) -> list[Figure]:
    """The share of candidates that ship though one claim is wrong."""
    rng, shipped = np.random.default_rng(gate.claims), 0
    for _ in bar(replicates, "broken"):
        verdict, _ = gate.run(*drawn(rng, gate, [-MARGIN, *[0.05] * (gate.claims - 1)]))
        shipped += verdict.verdict == "SHIP"
    return [
        Figure(
            name="a candidate at -margin on one claim ships",
            seen=shipped / replicates,
            low=0,
            high=_limit(replicates),
        )
    ]


def drift(gate: Gate, replicates: int, bar: Bar) -> list[Figure]:
    """A chain in which every checkpoint is compared with the one before, and with the first."""
    rng = np.random.default_rng(gate.pairs)
    green, red, shipped = np.zeros(STEPS), np.zeros(STEPS), np.zeros(STEPS)
    for _ in bar(replicates, "drift"):
        anchor = before = rng.random((1, gate.pairs)) < ACCURACY
        for step in range(STEPS):
            after = drifted(rng, before)
            verdict, claims = gate.run(before, after, anchor)
            green[step] += all(c.verdict == "pass" for c in claims if not c.anchor)
            red[step] += any(c.verdict != "pass" for c in claims if c.anchor)
            shipped[step] += verdict.verdict == "SHIP"
            before = after
    green, red, shipped = green / replicates, red / replicates, shipped / replicates
    ships = ", ".join(f"{share:.0%}" for share in shipped)
    return [
        Figure(name="drift: a step passes", seen=float(green.min()), low=0.8, high=1),
        Figure(name="drift: the anchor is red at the end", seen=red[-1], low=0.99, high=1),
        Figure(
            name="drift: the last one ships",
            seen=shipped[-1],
            low=0,
            high=0.01,
            note=f"step by step {ships}",
        ),
    ]


def _limit(replicates: int) -> float:
    """6.1 % from 2,000 replicates on; for fewer 5 % and three standard errors."""
    if replicates >= ENOUGH:
        return LARGEST_ERROR
    return max(LARGEST_ERROR, 0.05 + 3 * math.sqrt(0.05 * 0.95 / replicates))


SCENARIOS: dict[str, tuple[Callable[[Gate, int, Bar], list[Figure]], Claim, bool]] = {
    "identical": (identical, "not_worse", False),
    "regression": (regression, "no_regression", False),
    "broken": (broken, "not_worse", False),
    "anytime": (identical, "not_worse", True),
    "broken-anytime": (broken, "not_worse", True),
    "drift": (drift, "not_worse", False),
}


def main() -> int:
    """Print the table; 1 where a figure misses its limit."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--replicates", type=int, default=2000, help="of each row (default 2000)")
    parser.add_argument("--only", nargs="*", choices=SCENARIOS, default=[*SCENARIOS])
    parser.add_argument("--claims", type=int, nargs="*", default=[1, 5, 20], metavar="K")
    parser.add_argument("--pairs", type=int, default=300, help="of each claim (default 300)")
    options = parser.parse_args()
    warnings.simplefilter("ignore")  # that so few samples are often not enough is the point
    missed = False
    with tempfile.TemporaryDirectory() as folder:
        for name in options.only:
            measure, claim, early = SCENARIOS[name]
            for claims in options.claims if name != "drift" else [1]:
                gate = Gate(
                    claims=claims,
                    pairs=options.pairs if name != "drift" else 1000,
                    claim=claim,
                    margin=MARGIN if claim == "not_worse" else MDE,
                    early=early,
                    folder=Path(folder),
                )

                def bar(count: int, what: str) -> tqdm[int]:
                    return tqdm(range(count), desc=f"{what}, K = {claims}")  # noqa: B023

                for figure in measure(gate, options.replicates, bar):
                    missed |= not figure.holds
                    print(
                        f"{'' if figure.holds else 'MISSED '}{name}: {figure.name}, "
                        f"K = {claims}, {gate.pairs} pairs, {options.replicates} replicates: "
                        f"{figure.seen:.1%} (within {max(figure.low, 0):.1%} and "
                        f"{min(figure.high, 1):.1%}) {figure.note}",
                        flush=True,
                    )
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
