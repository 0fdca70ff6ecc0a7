"""What it means that a gate makes several claims at once, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def family_sentence(family: Mapping[str, Any]) -> str:
    """The family's size and what follows from it; empty for a single claim."""
    claims, candidates = family.get("claims") or 0, family.get("candidates") or 1
    alpha, rate = family.get("alpha"), family.get("pass_rate")
    regressions = family.get("regressions") or 0
    if claims < 2:
        return ""
    each, rest = divmod(claims, candidates)
    product = f" ({candidates} candidates × {each})" if candidates > 1 and not rest else ""
    words = [f"family of {claims} claims{product}"]
    if alpha is not None and regressions:
        words.append(
            f": a regression claim fails at p ≤ {alpha / claims:.2g} ({alpha:g} / {claims})"
        )
    if rate is not None:
        who = "an identical candidate"
        if candidates > 1 and "candidate" in family:
            who = (
                "a candidate as good as the baseline that changes as many answers as "
                f"{family['candidate']}"
            )
        words.append(
            f"; {who} would pass all of its claims in "
            f"{100 * rate:.0f}\N{NO-BREAK SPACE}% of such runs"
        )
    return "".join(words)
