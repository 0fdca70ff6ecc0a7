"""What a margin may be."""

from __future__ import annotations

from typing import get_args

from pytest_vlm.errors import StatisticsError
from pytest_vlm.stats.arguments import one_of, real
from pytest_vlm.stats.result import Claim

SMALLEST_MARGIN = 1e-6


def check_bound(
    claim: Claim,
    margin: float | None = None,
    mde: float | None = None,
    *,
    largest: float = 1.0,
) -> float:
    """The margin, or for ``no_regression`` the `mde`.

    Raises:
        StatisticsError: it is missing, not between 0 and `largest`, or belongs to another claim.
    """
    one_of("claim", claim, get_args(Claim))
    name, value = ("mde", mde) if claim == "no_regression" else ("margin", margin)
    if claim == "better" and value is None:
        value = 0.0
    if value is None:
        raise StatisticsError(
            f"{claim} needs a {name}: the loss you would accept, for example {name}=0.05"
        )
    if (claim == "no_regression" and margin is not None) or (name == "margin" and mde is not None):
        raise StatisticsError(f"{claim} takes {name}=, nothing else")
    if claim == "better":
        return real(name, value, low=0.0, high=largest, closed="left")
    number = real(name, value, low=0.0, high=largest)
    if number < SMALLEST_MARGIN:
        raise StatisticsError(f"{name} must be at least {SMALLEST_MARGIN:g}, found {number:g}")
    return number
