"""Many claims at once: family-wise error for the gate, false discovery rate for the report.

Holm S. (1979), "A simple sequentially rejective multiple test procedure", Scandinavian Journal of
Statistics 6:65-70. Benjamini Y., Hochberg Y. (1995), "Controlling the false discovery rate",
Journal of the Royal Statistical Society B 57:289-300.
"""

from __future__ import annotations

from collections.abc import Sequence


def bonferroni(p_value: float, family: int) -> float:
    """The p value of one test out of a family, adjusted: K p, at most 1."""
    return min(1.0, family * p_value)


def holm(p_values: Sequence[float]) -> tuple[float, ...]:
    """Adjusted p values of a whole family, in the order given.

    Rejecting those at or below alpha errs anywhere in the family with at most that chance, however
    the tests depend on each other; it rejects all that Bonferroni does.
    """
    adjusted = [0.0] * len(p_values)
    largest = 0.0
    for rank, place in enumerate(_ascending(p_values)):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[place]))
        adjusted[place] = largest
    return tuple(adjusted)


def benjamini_hochberg(p_values: Sequence[float]) -> tuple[float, ...]:
    """Adjusted p values, in the order given.

    Of those at or below q, a share of at most q are false on average, if the tests are independent
    or positively dependent.
    """
    adjusted = [0.0] * len(p_values)
    smallest, count = 1.0, len(p_values)
    for rank, place in reversed(list(enumerate(_ascending(p_values), start=1))):
        smallest = min(smallest, count / rank * p_values[place])
        adjusted[place] = smallest
    return tuple(adjusted)


def _ascending(p_values: Sequence[float]) -> list[int]:
    return sorted(range(len(p_values)), key=lambda place: p_values[place])
