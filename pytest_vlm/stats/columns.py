"""One column of scores, read from whatever holds it.

Nothing is imported for it: a tensor is what has ``tolist``, a pandas column what has an ``index``
and ``to_numpy``.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeGuard

import numpy as np
from numpy.typing import NDArray

from pytest_vlm.errors import StatisticsError
from pytest_vlm.stats.arguments import float_of, shown


@dataclass(frozen=True, kw_only=True)
class Column:
    """One side as it came, with the names of its samples if it has them.

    Attributes:
        side: ``baseline`` or ``candidate``.
        values: as they came, for messages.
        numbers: (n,) not finite where a value is no finite number.
        names: of a mapping or a pandas column.
        is_mapping: its values have no order of their own.
    """

    side: str
    values: NDArray[Any] | list[Any]
    numbers: NDArray[np.float64]
    names: list[Hashable] | None
    is_mapping: bool

    @classmethod
    def of(cls, column: Any, side: str) -> Column:
        """Read a side.

        Raises:
            StatisticsError: no list of values.
        """
        is_mapping = isinstance(column, Mapping)
        values = list(column.values()) if is_mapping else plain_of(column, side)
        return cls(
            side=side,
            values=values,
            numbers=_numbers(values, side),
            names=list(column) if is_mapping else index_of(column),
            is_mapping=is_mapping,
        )

    def sorted(self, order: list[int] | None) -> Column:
        """In another order."""
        if order is None:
            return self
        return replace(
            self, values=[self.values[i] for i in order], numbers=self.numbers[order], names=None
        )

    def finite(self, names: Sequence[Hashable]) -> NDArray[np.float64]:
        """The numbers.

        Raises:
            StatisticsError: one of them is no finite number.
        """
        why = f"; {self.side} must be a list of numbers, none missing or infinite"
        refuse_values(self.side, names, ~np.isfinite(self.numbers), self.values, why)
        return self.numbers


def plain_of(values: Any, what: str) -> NDArray[Any] | list[Any]:
    """An ordered collection as an array or a list.

    Raises:
        StatisticsError: a set, a generator, a text, or what else has no order or no end.
    """
    found = values
    try:
        if isinstance(values, np.ndarray):
            found = values
        elif hasattr(values, "to_numpy"):
            found = values.to_numpy()
        elif hasattr(values, "tolist"):
            found = values.tolist()
        elif isinstance(values, Sequence) and not isinstance(values, str | bytes | bytearray):
            found = list(values)
        elif hasattr(values, "__array__"):
            found = np.asarray(values)
    except Exception as error:  # of a foreign type
        raise StatisticsError(f"{what} cannot be read: {error}") from error
    if isinstance(found, list) or (isinstance(found, np.ndarray) and found.ndim):
        return found
    raise StatisticsError(f"{what} must be a list, found {shown(values)}")


def index_of(values: Any) -> list[Hashable] | None:
    """The names of a pandas column."""
    is_column = hasattr(values, "to_numpy") and hasattr(values, "index")
    return list(values.index) if is_column else None


def refuse_values(
    side: str,
    names: Sequence[Hashable],
    wrong: NDArray[np.bool_],
    values: Sequence[Any] | NDArray[Any],
    why: str,
) -> None:
    """Refuse the wrong values of a side, by the name of the first one.

    Raises:
        StatisticsError: there are some.
    """
    where = np.flatnonzero(wrong)
    if where.size:
        first = int(where[0])
        sample = f"{side}[{shown(names[first])}]"
        raise StatisticsError(f"{sample} is {shown(values[first])}{more(where.size)}{why}")


def refuse_nameless(
    labels: Sequence[Any], what: str, names: Sequence[Hashable] | None = None
) -> None:
    """Refuse labels that name nothing, by the name of the sample.

    Raises:
        StatisticsError: None, not a number, pandas' NA, or what cannot be hashed.
    """
    for position, label in enumerate(labels):
        try:
            hash(label)
            is_name = label is not None and bool(label == label)
        except Exception:  # of a foreign type; a comparison with NA has no answer
            is_name = False
        if not is_name:
            where = position if names is None else names[position]
            raise StatisticsError(f"{what}[{shown(where)}] is {shown(label)}, which is no name")


def refuse_repeated(labels: Sequence[Hashable], what: str) -> None:
    """Refuse labels that name two samples.

    Raises:
        StatisticsError: there are some.
    """
    repeated = [name for name, count in Counter(labels).items() if count > 1]
    if repeated:
        raise StatisticsError(
            f"sample {shown(repeated[0])}{more(len(repeated))} appears twice in {what}; "
            "every sample needs a name of its own"
        )


def more(count: int) -> str:
    """How many there are beside the one that is named."""
    return f" (and {count - 1} more)" if count > 1 else ""


def _numbers(values: NDArray[Any] | list[Any], side: str) -> NDArray[np.float64]:
    """As floats, not finite where a value is no finite number."""
    try:
        array = np.asarray(values)
    except Exception:  # ragged, or of a foreign type: one by one tells which
        array = np.empty(len(values), dtype=object)
    if array.ndim != 1 or not array.size:
        raise StatisticsError(
            f"{side} must be a non-empty list of numbers, found the shape {array.shape}"
        )
    if array.dtype.kind not in "biuf":
        return np.array([_number(value) for value in values])
    with np.errstate(all="ignore"):  # what does not fit is infinite, and refused
        numbers = array.astype(np.float64)
    if _is_masked(values):
        numbers[np.ma.getmaskarray(values)] = np.nan
    return numbers


def _is_masked(values: Any) -> TypeGuard[np.ma.MaskedArray[Any, Any]]:
    """Whether it is a masked array; where nobody imported `numpy.ma` there is none."""
    return "numpy.ma" in sys.modules and isinstance(values, np.ma.MaskedArray)


def _number(value: Any) -> float:
    if "numpy.ma" in sys.modules and value is np.ma.masked:
        return np.nan
    try:
        is_tensor = hasattr(value, "tolist") and not isinstance(value, np.generic)
        number = float_of(value.tolist() if is_tensor else value)
    except Exception:  # of a foreign type
        number = None
    return np.nan if number is None else number
