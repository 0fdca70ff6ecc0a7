"""One run of the whole gate over scripted checkpoints; `gate.py` makes thousands of them.

The engine is ``fake``, its answers are drawn: each claim reads its own digit of every answer, so
that claims about the same samples do not depend on each other. Claims, records and the gate are the
real ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

import numpy as np

from pytest_vlm.engine.fake import FakeEngine, Script
from pytest_vlm.errors import ClaimNotShown
from pytest_vlm.evaluation.samples import Message, Sample, Text
from pytest_vlm.gate.plan import PlannedTest, TestOutcome
from pytest_vlm.gate.verdict import decide
from pytest_vlm.report.model import CandidateVerdict, ClaimRecord, Record
from pytest_vlm.scores.score import Case, Score, score
from pytest_vlm.session import Session
from pytest_vlm.settings import Settings

DISCORDANT, ACCURACY = 0.10, 0.8
STEP = -0.015
Bits = np.ndarray
Claim = Literal["not_worse", "no_regression"]


@dataclass(frozen=True, kw_only=True)
class Gate:
    """K claims about one candidate.

    Attributes:
        claims: K.
        pairs: samples of each claim.
        claim: what is claimed.
        margin: of each claim; for "no regression" its `mde`.
        early: stop as soon as a claim is decided.
        folder: where evidence goes.
    """

    claims: int
    pairs: int
    folder: Path
    claim: Claim = "not_worse"
    margin: float = 0.05
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
        verdict = decide(
            candidate="B",
            baseline="A",
            planned=planned,
            outcomes=outcomes,
            records=session.records,
            anchor="" if anchor is None else "O",
        )
        return verdict, claims_of(session.records)

    def _claimed(self, session: Session, number: int, test: str) -> TestOutcome:
        comparison = session.compare(
            session.candidates[0], samples(self.pairs), score=skill(number), test=test
        )
        try:
            if self.claim == "not_worse":
                comparison.assert_not_worse(margin=self.margin)
            else:
                comparison.assert_no_regression(mde=self.margin)
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
