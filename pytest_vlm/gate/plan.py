"""What the gate expects, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class PlannedTest:
    """A collected test about one checkpoint.

    Attributes:
        test: its node id.
        checkpoint: whom it is about.
        claims: how many claims it is to make; 0 for a plain test.
        golden: whether it is to check a golden.
    """

    test: str
    checkpoint: str
    claims: int
    golden: bool = False


@dataclass(frozen=True, kw_only=True)
class TestOutcome:
    """How a test ended."""

    __test__ = False  # not a test class, whatever its name says to pytest

    test: str
    outcome: Literal["passed", "failed", "skipped"]
    message: str = ""
