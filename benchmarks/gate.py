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
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

import numpy as np
from tqdm import tqdm

from pytest_vlm.engine.fake import FakeEngine, Script
from pytest_vlm.errors import ClaimNotShown
from pytest_vlm.evaluation.samples import Message, Sample, Text
from pytest_vlm.gate.plan import PlannedTest, TestOutcome
from pytest_vlm.gate.verdict import decide
from pytest_vlm.report.model import CandidateVerdict, ClaimRecord, Record
from pytest_vlm.scores.score import Case, Score, score
from pytest_vlm.session import Session
from pytest_vlm.settings import Settings

MARGIN, DISCORDANT, ACCURACY = 0.05, 0.10, 0.8
MDE = 0.10
STEPS, STEP = 10, -0.015
LARGEST_ERROR, POINTS = 0.061, 0.03
Bits = np.ndarray
Claim = Literal["not_worse", "no_regression"]


@dataclass(frozen=True, kw_only=True)
class Gate:
    """K claims about one candidate.

    Attributes:
        claims: K.
        pairs: samples of each claim.
        claim: what is claimed.
        early: stop as soon as a claim is decided.
        folder: where evidence goes.
    """

    claims: int
    pairs: int
    folder: Path
    claim: Claim = "not_worse"
    early: bool = False

    def run(
        self, baseline: Bits, candidate: Bits, anchor: Bits | None = None
    ) -> tuple[CandidateVerdict, list[ClaimRecord]]:
        """The verdict, and every claim that was recorded.

        Args:
            baseline: (claims, pairs) of 0 and 1: whether it is right.
            candidate: likewise.
            anchor: likewise, of the checkpoint of long ago.
        """
        sides = {"A": baseline, "B": candidate} | ({} if anchor is None else {"O": anchor})
        settings = Settings(
            checkpoints=("A=a", "B=b"),
            anchor=None if anchor is None else "O=o",
            engine="scripted",
            no_cache=True,
            max_loaded=len(sides),
            sequential="anytime" if self.early else None,
        )
        planned = [
            PlannedTest(test=f"skill {number}", checkpoint="B", claims=1)
            for number in range(self.claims)
        ]
        session = Session(
            settings,
            loaders={"scripted": lambda spec: FakeEngine(_script(sides[spec.name]))},
            folder=self.folder,
            family=lambda: self.claims,
        )
        with session:
            outcomes = [
                self._claimed(session, number, test.test) for number, test in enumerate(planned)
            ]
            anchored = "" if session.anchor is None else session.anchor.name
        verdict = decide(
            candidate="B",
            baseline="A",
            planned=planned,
            outcomes=outcomes,
            records=session.records,
            anchor=anchored,
        )
        return verdict, claims_of(session.records)

    def _claimed(self, session: Session, number: int, test: str) -> TestOutcome:
        comparison = session.compare(
            session.candidates[0], samples(self.pairs), score=skill(number), test=test
        )
        try:
            if self.claim == "not_worse":
                comparison.assert_not_worse(margin=MARGIN)
            else:
                comparison.assert_no_regression(mde=MDE)
        except ClaimNotShown as error:
            return TestOutcome(test=test, outcome="failed", message=str(error))
        return TestOutcome(test=test, outcome="passed")


def claims_of(records: Sequence[Record]) -> list[ClaimRecord]:
    """Those among the records."""
    return [record for record in records if isinstance(record, ClaimRecord)]


@cache
def samples(count: int) -> tuple[Sample, ...]:
    """Questions without a picture."""
    return tuple(
        Sample(
            id=str(number),
            messages=(Message(role="user", parts=(Text(text=f"question {number}"),)),),
            targets=(str(number),),
        )
        for number in range(count)
    )


@cache
def skill(number: int) -> Score:
    """A score that reads its own digit of the answer."""

    @score(name=f"skill {number}")
    def right(case: Case) -> float:
        return float(case.answer[number])

    return right


def _script(right: Bits) -> Script:
    """Answers of one digit a claim."""
    columns = right.astype(int).astype(str).T
    return Script(answers={str(number): "".join(row) for number, row in enumerate(columns)})


def drawn(rng: np.random.Generator, gate: Gate, differences: Sequence[float]) -> tuple[Bits, Bits]:
    """Both sides of each claim; claims do not depend on each other."""
    u = rng.random((gate.claims, gate.pairs))
    difference = np.array(differences)[:, None]
    loses = u < (DISCORDANT - difference) / 2
    wins = (u >= 1 - (DISCORDANT + difference) / 2) & ~loses
    both = rng.random(u.shape) < ACCURACY
    return np.where(loses, True, both & ~wins), np.where(wins, True, both & ~loses)


def drifted(rng: np.random.Generator, right: Bits) -> Bits:
    """The next checkpoint: worse by `STEP` on average, and different in one answer of ten."""
    lost, won = (DISCORDANT - STEP) / 2, (DISCORDANT + STEP) / 2
    share = float(right.mean())
    u = rng.random(right.shape)
    return np.where(right, u >= lost / share, u < won / (1 - share))


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


Bar = Callable[[int, str], Sequence[int]]


def identical(gate: Gate, replicates: int, bar: Bar) -> list[Figure]:
    """The share of equally good candidates that ship, beside the announced one."""
    rng, shipped, announced = np.random.default_rng(gate.claims), 0, []
    for _ in bar(replicates, "identical"):
        verdict, _ = gate.run(*drawn(rng, gate, [0.0] * gate.claims))
        shipped += verdict.verdict == "SHIP"
        announced.append(verdict.family["pass_rate"])
    rate, said = shipped / replicates, float(np.mean(announced))
    allowed = max(POINTS, 3 * math.sqrt(said * (1 - said) / replicates))
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
