"""Where the losses are: tags and clusters that carry more of them than their share.

For the report only; no verdict depends on it.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from pytest_vlm.stats.distributions import SMALLEST
from pytest_vlm.stats.multiplicity import benjamini_hochberg

Kind = Literal["tag", "cluster"]
Counts = npt.NDArray[np.int64]
FALSE_DISCOVERY_RATE = 0.1
LONGEST_NAME = 60


@dataclass(frozen=True, kw_only=True)
class Slice:
    """A part of the samples, and how many of the losses lie in it.

    Attributes:
        kind: whether its samples share a ``tag`` or a ``cluster``.
        n: samples in it.
        losses: samples in it that got worse.
        wins: samples in it that got better.
        total: all samples.
        total_losses: among all samples.
        total_wins: among all samples.
        p_value: of "a loss is no likelier in here than outside".
        p_adjusted: after Benjamini and Hochberg, over all slices of one claim.
    """

    kind: Kind
    name: str
    n: int
    losses: int
    wins: int
    total: int
    total_losses: int
    total_wins: int
    p_value: float
    p_adjusted: float

    @property
    def stands_out(self) -> bool:
        """Of the slices that do, at most one in ten is chance, on average."""
        return self.p_adjusted <= FALSE_DISCOVERY_RATE

    @property
    def short_name(self) -> str:
        """The name, cut: a video's cluster is as long as its frames are many."""
        whole = len(self.name) <= LONGEST_NAME
        return self.name if whole else f"{self.name[: LONGEST_NAME - 1]}…"

    def to_json(self) -> dict[str, Any]:
        """What the report shows of it, as a `ClaimRecord` holds it."""
        shown = {name: getattr(self, name) for name in ("kind", "n", "losses", "wins")}
        return {
            **shown,
            "name": self.short_name,
            "p_adjusted": self.p_adjusted,
            "sentence": str(self),
        }

    def __str__(self) -> str:
        lost = f"{self.losses} of {_counted(self.total_losses, 'loss', 'losses')}"
        if self.losses == self.total_losses > 1:
            lost = f"all {self.losses} losses"
        where = (
            f"tagged {self.short_name}" if self.kind == "tag" else f"in cluster {self.short_name}"
        )
        are = "is" if self.losses == 1 else "are"
        but = "though only" if self.stands_out else "as"
        return (
            f"{lost} {are} {where}, {but} {self.n:,} of {self.total:,} samples are "
            f"(adjusted p {_p(self.p_adjusted)})"
        )


def find_slices(
    *,
    worse: Sequence[bool],
    improved: Sequence[bool],
    tags: Sequence[Collection[str]],
    clusters: Sequence[Hashable] | None = None,
) -> tuple[Slice, ...]:
    """Slices with at least one loss, those that carry it least by chance first.

    A tag is tested by Fisher's exact test, one-sided: given how many losses there are, are as many
    as these in the slice by chance? Samples of one cluster are lost together, so inside and
    outside the slice both counts are first divided by the design effect of the losses there (Rao &
    Scott 1992, "A simple method for the analysis of clustered binary data", Biometrics 48:577-585).
    It is measured against the rate of all samples: Σ L_g² / Σ L_g over what independent losses
    would give, 1 + rate (Σ m_g² / Σ m_g - 1), and at least 1, for L_g losses among the m_g samples
    of cluster g. An image with six lost questions so counts about once. That a cluster is lost if
    it lost any would not do: images with more questions would stand out by their number. Where a
    tag varies within clusters, its two sides share their luck, and the test errs to the safe side.

    A cluster with at least two losses is tested against all other samples, each counted in full,
    because that losses share an image is the very question. Every cluster of at least two samples
    counts in the family; counting only those that lost twice would choose by the outcome.

    Benjamini & Hochberg run over tags and clusters as one family, with half of the weight for each
    kind (Genovese, Roeder & Wasserman 2006, "False discovery control with p-value weighting",
    Biometrika 93:509-524), so that thousands of images do not drown a dozen tags.

    Args:
        worse: (n,) whether a sample got worse.
        improved: (n,) whether it got better.
        tags: (n,) of each sample; one that all or none of them carry is no slice, nor is one of
            a single sample.
        clusters: (n,) of each sample; None where samples are independent.

    Raises:
        ValueError: not every sequence has n elements.
    """
    sizes = [len(given) for given in (worse, improved, tags, clusters) if given is not None]
    if len(set(sizes)) > 1:
        raise ValueError(
            f"worse, improved, tags and clusters describe the same samples, "
            f"but their lengths are {sizes}"
        )
    lost, won = np.asarray(worse, dtype=bool), np.asarray(improved, dtype=bool)
    if not lost.any():
        return ()
    groups = None if clusters is None else _numbered(clusters)
    tagged = _splitting(_members(tags), len(lost))
    clustered = _splitting(_members([[str(name)] for name in clusters or ()]), len(lost))
    by_tag = [_tag_p(lost, members, groups) for members in tagged.values()]
    by_cluster = [_cluster_p(lost, members) for members in clustered.values()]
    weighted = [p * _weight(by_tag, by_cluster) for p in by_tag]
    weighted += [p * _weight(by_cluster, by_tag) for p in by_cluster]

    def found(kind: Kind, name: str, p_value: float, p_adjusted: float) -> Slice:
        members = (tagged if kind == "tag" else clustered)[name]
        return Slice(
            kind=kind,
            name=name,
            n=len(members),
            losses=int(lost[members].sum()),
            wins=int(won[members].sum()),
            total=len(lost),
            total_losses=int(lost.sum()),
            total_wins=int(won.sum()),
            p_value=p_value,
            p_adjusted=p_adjusted,
        )

    names: list[tuple[Kind, str]] = [
        *(("tag", n) for n in tagged),
        *(("cluster", n) for n in clustered),
    ]
    adjusted = benjamini_hochberg([min(1.0, p) for p in weighted])
    least = {"tag": 1, "cluster": 2}
    slices = [
        found(kind, name, p, q)
        for (kind, name), p, q in zip(names, [*by_tag, *by_cluster], adjusted, strict=True)
        if lost[(tagged if kind == "tag" else clustered)[name]].sum() >= least[kind]
    ]
    return tuple(sorted(slices, key=lambda one: (one.p_adjusted, -one.losses, one.kind, one.name)))


def _numbered(clusters: Sequence[Hashable]) -> Counts:
    """(n,) a number for each cluster, from 0 on."""
    places = {name: place for place, name in enumerate(dict.fromkeys(clusters))}
    return np.array([places[name] for name in clusters], dtype=np.int64)


def _members(tags: Sequence[Collection[str]]) -> Mapping[str, Counts]:
    """Every tag with the positions of its samples."""
    members: dict[str, list[int]] = {}
    for position, own in enumerate(tags):
        for tag in set(own):
            members.setdefault(tag, []).append(position)
    return {tag: np.array(positions, dtype=np.int64) for tag, positions in members.items()}


def _splitting(slices: Mapping[str, Counts], total: int) -> Mapping[str, Counts]:
    return {name: members for name, members in slices.items() if 2 <= len(members) < total}


def _tag_p(lost: npt.NDArray[np.bool_], members: Counts, groups: Counts | None) -> float:
    inside = np.zeros(len(lost), dtype=bool)
    inside[members] = True
    losses, n = _effective(lost, inside, groups)
    other_losses, others = _effective(lost, ~inside, groups)
    return _hypergeometric_tail(losses, n=n, losses=losses + other_losses, total=n + others)


def _effective(
    lost: npt.NDArray[np.bool_], inside: npt.NDArray[np.bool_], groups: Counts | None
) -> tuple[int, int]:
    """Losses and samples of one side, as so many independent ones."""
    losses, n = int((lost & inside).sum()), int(inside.sum())
    if groups is None or losses == 0:
        return losses, n
    sizes = np.bincount(groups[inside])
    lost_of = np.bincount(groups[lost & inside])
    by_chance = 1 + lost.mean() * (float(sizes @ sizes) / n - 1)
    deff = max(1.0, float(lost_of @ lost_of) / losses / by_chance)
    return round(losses / deff), max(1, round(n / deff))


def _cluster_p(lost: npt.NDArray[np.bool_], members: Counts) -> float:
    losses = int(lost[members].sum())
    if losses < 2:
        return 1.0
    return _hypergeometric_tail(losses, n=len(members), losses=int(lost.sum()), total=len(lost))


def _weight(own: Sequence[float], other: Sequence[float]) -> float:
    """What to multiply p values of one kind with, so that each kind has half of the error."""
    return 2 * len(own) / (len(own) + len(other)) if other else 1.0


def _hypergeometric_tail(at_least: int, *, n: int, losses: int, total: int) -> float:
    """P(at least so many of the losses are among n of all samples), by chance."""
    lowest, highest = max(0, n + losses - total), min(n, losses)
    if at_least <= lowest:
        return 1.0
    log_term = (
        _log_choose(losses, at_least)
        + _log_choose(total - losses, n - at_least)
        - _log_choose(total, n)
    )
    term = whole = 1.0
    for k in range(at_least, highest):
        term *= (losses - k) * (n - k) / ((k + 1) * (total - losses - n + k + 1))
        whole += term
        if term < 1e-17 * whole:
            break
    return min(1.0, max(SMALLEST, math.exp(min(0.0, log_term + math.log(whole)))))


def _log_choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)


def _counted(number: int, one: str, more: str) -> str:
    return f"{number:,} {one if number == 1 else more}"


def _p(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"= {value:.1g}" if value < 0.1 else f"= {value:.2g}"
