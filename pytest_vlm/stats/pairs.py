"""Two columns of scores, paired sample by sample.

Lists, arrays and tensors are paired by position; two mappings, or two pandas columns, by name.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pytest_vlm.errors import StatisticsError
from pytest_vlm.stats.arguments import shown
from pytest_vlm.stats.columns import (
    Column,
    index_of,
    more,
    plain_of,
    refuse_nameless,
    refuse_repeated,
    refuse_values,
)

Values: TypeAlias = ArrayLike | Mapping[Hashable, Any]
Labels: TypeAlias = Sequence[Hashable] | Mapping[Hashable, Hashable]


@dataclass(frozen=True, kw_only=True, eq=False)
class PairedValues:
    """Finite numbers in which position i of both sides is one sample.

    Attributes:
        baseline: (n,) values.
        candidate: (n,) values.
        names: n different names; the positions where the samples have none.
        clusters: n names, or None.
    """

    baseline: NDArray[np.float64]
    candidate: NDArray[np.float64]
    names: Sequence[Hashable]
    clusters: Sequence[Hashable] | None

    @classmethod
    def of(
        cls,
        baseline: Values,
        candidate: Values,
        ids: Labels | None = None,
        clusters: Labels | None = None,
    ) -> PairedValues:
        """Read both sides.

        Args:
            baseline: a list, tuple, array, tensor or column of numbers, or them by sample name.
            candidate: likewise; two mappings or columns are paired by name, in any order.
            ids: n different names of the positions, for messages.
            clusters: n names, or one by sample name; None is no name, for samples of unknown
                images are not samples of one image.

        Raises:
            StatisticsError: what cannot be read or paired, by side and sample.
        """
        a, b = Column.of(baseline, "baseline"), Column.of(candidate, "candidate")
        pairing = _Pairing.of(a, b)
        if ids is not None:
            names = _labels(ids, "ids", pairing)
            refuse_repeated(names, "ids")
            pairing = replace(pairing, names=names, named=True)
        return cls(
            baseline=a.finite(pairing.names),
            candidate=b.sorted(pairing.order).finite(pairing.names),
            names=pairing.names,
            clusters=None if clusters is None else _labels(clusters, "clusters", pairing),
        )

    def refuse(self, wrong: Callable[[NDArray[np.float64]], NDArray[np.bool_]], why: str) -> None:
        """Refuse values by a rule of the score.

        Raises:
            StatisticsError: `wrong` holds of a value; says of which, and `why`.
        """
        for side, values in (("baseline", self.baseline), ("candidate", self.candidate)):
            refuse_values(side, self.names, wrong(values), values, why)

    def cluster_index(
        self, differences: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Sum and size of each cluster; every pair is one where none are given."""
        return _grouped(differences, self.clusters)


@dataclass(frozen=True, kw_only=True)
class PairedCounts:
    """What paired binary data comes down to.

    Attributes:
        n: pairs.
        b: only the baseline is right.
        c: only the candidate is right.
        both: both are right.
        cluster_sums: (G,) sum of candidate - baseline in each cluster.
        cluster_sizes: (G,) pairs in each cluster.
    """

    n: int
    b: int
    c: int
    both: int
    cluster_sums: NDArray[np.float64]
    cluster_sizes: NDArray[np.float64]

    @classmethod
    def of(cls, pairs: PairedValues) -> PairedCounts:
        """Count.

        Raises:
            StatisticsError: a value other than 0 and 1.
        """
        pairs.refuse(lambda values: (values != 0) & (values != 1), "; a binary score is 0 or 1")
        difference = pairs.candidate - pairs.baseline
        sums, sizes = pairs.cluster_index(difference)
        return cls(
            n=difference.size,
            b=int((difference < 0).sum()),
            c=int((difference > 0).sum()),
            both=int(pairs.baseline @ pairs.candidate),
            cluster_sums=sums,
            cluster_sizes=sizes,
        )

    @property
    def clustered(self) -> bool:
        """Whether any cluster holds more than one pair."""
        return self.cluster_sizes.size < self.n

    @property
    def estimate(self) -> float:
        """Candidate - baseline, as a difference of proportions."""
        return (self.c - self.b) / self.n

    def mirrored(self) -> PairedCounts:
        """The same pairs with right and wrong exchanged."""
        return PairedCounts(
            n=self.n,
            b=self.c,
            c=self.b,
            both=self.n - self.both - self.b - self.c,
            cluster_sums=-self.cluster_sums,
            cluster_sizes=self.cluster_sizes,
        )


@dataclass(frozen=True, kw_only=True)
class _Pairing:
    """Which value belongs to which.

    Attributes:
        names: of the samples; their positions where they have none.
        named: they have some.
        index: the names by which both sides were paired, in the baseline's order.
        order: where the candidate has each of them; None where both have the same order.
    """

    names: Sequence[Hashable]
    named: bool = False
    index: list[Hashable] | None = None
    order: list[int] | None = None

    @classmethod
    def of(cls, a: Column, b: Column) -> _Pairing:
        if a.names is None or b.names is None:
            return cls._by_position(a, b)
        for column, names in ((a, a.names), (b, b.names)):
            refuse_nameless(names, column.side)
            refuse_repeated(names, column.side)
        for one, other in ((a, b), (b, a)):
            known = set(other.names or ())
            alone = [name for name in one.names or () if name not in known]
            if alone:
                raise StatisticsError(
                    f"sample {shown(alone[0])}{more(len(alone))} is in {one.side} and not in "
                    f"{other.side}; both sides need the same samples"
                )
        place = {name: i for i, name in enumerate(b.names)}
        order = [place[name] for name in a.names]
        in_order = order == list(range(len(order)))
        return cls(names=a.names, named=True, index=a.names, order=None if in_order else order)

    @classmethod
    def _by_position(cls, a: Column, b: Column) -> _Pairing:
        for one, other in ((a, b), (b, a)):
            if one.is_mapping:
                raise StatisticsError(
                    f"{one.side} names its samples and {other.side} does not; pass two mappings "
                    "of the same names, or two lists in the same order"
                )
        n, found = a.numbers.size, b.numbers.size
        if n != found:
            raise StatisticsError(
                f"baseline has {n} values and candidate {found}; pair them sample by sample"
            )
        return cls(names=range(n))


def _labels(labels: Any, what: str, pairing: _Pairing) -> Sequence[Hashable]:
    """A name for each pair: by its own name from a mapping or a column, else by position."""
    index, names = index_of(labels), pairing.names
    if isinstance(labels, Mapping):
        if not pairing.named:
            raise StatisticsError(f"{what} go by sample name and the samples have none; pass ids=")
        found = _looked_up(labels, what, names)
    elif index is not None and pairing.index is not None:
        refuse_repeated(index, what)
        by_name = dict(zip(index, plain_of(labels, what), strict=True))
        found = _looked_up(by_name, what, pairing.index)
    elif pairing.order is not None:
        raise StatisticsError(
            f"{what} are in one order, and the sides name their samples in two; "
            f"pass {what} by sample name"
        )
    else:
        plain = plain_of(labels, what)
        found = plain.tolist() if isinstance(plain, np.ndarray) else plain
    if len(found) != len(names):
        kind = "cluster names" if what == "clusters" else what
        raise StatisticsError(f"{len(found)} {kind} for {len(names)} pairs")
    refuse_nameless(found, what, names)
    return found


def _looked_up(labels: Mapping[Any, Any], what: str, names: Sequence[Hashable]) -> list[Any]:
    lost = [name for name in names if name not in labels]
    if lost:
        raise StatisticsError(f"{what} lack sample {shown(lost[0])}{more(len(lost))}")
    return [labels[name] for name in names]


def _grouped(
    differences: NDArray[np.float64], clusters: Sequence[Hashable] | None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    if clusters is None:
        return differences, np.ones_like(differences)
    index: dict[Hashable, int] = {}
    group = [index.setdefault(name, len(index)) for name in clusters]
    sums = np.bincount(group, weights=differences).astype(np.float64)
    return sums, np.bincount(group).astype(np.float64)
