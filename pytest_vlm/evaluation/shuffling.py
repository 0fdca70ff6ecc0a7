"""A random order for early stopping: whole clusters, the same order for the same samples."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

import numpy as np

from pytest_vlm.evaluation.dataset import Dataset
from pytest_vlm.evaluation.dataset_digest import dataset_digest
from pytest_vlm.evaluation.samples import Sample

LOOK = 64


def shuffled(dataset: Dataset) -> Dataset:
    """The samples in a random order that keeps clusters together; seeded by what they ask.

    A dataset is often sorted by what makes a question hard, and whoever stops early in a sorted one
    proves whatever comes first.
    """
    members: dict[str, list[int]] = {}
    for position, sample in enumerate(dataset):
        members.setdefault(sample.cluster, []).append(position)
    clusters = list(members.values())
    rng = np.random.default_rng(int(dataset_digest(dataset), 16))
    order = [position for place in rng.permutation(len(clusters)) for position in clusters[place]]
    return dataset.reordered(np.array(order, dtype=np.int64))


def in_looks(samples: Sequence[Sample], dataset: Dataset | None) -> Iterator[list[Sample]]:
    """Samples of a shuffled dataset as they come, whole clusters at a time, `LOOK` of it a look.

    Others are shuffled first.
    """
    placed = None if dataset is None else _placed(samples, dataset)
    if placed is None:
        own = shuffled(Dataset(samples))
        placed = list(zip(range(len(own)), own, strict=True))
    last: dict[str, int] = {}
    for position, sample in placed:
        last[sample.cluster] = max(position, last.get(sample.cluster, 0))
    ends = sorted(((last[s.cluster] // LOOK, p, s) for p, s in placed), key=lambda end: end[:2])
    for _, look in groupby(ends, key=lambda end: end[0]):
        yield [sample for _, _, sample in look]


def _placed(samples: Sequence[Sample], dataset: Dataset) -> list[tuple[int, Sample]] | None:
    if isinstance(samples, Dataset) and samples.root is dataset.root:
        return list(zip(map(int, samples.positions), samples, strict=True))
    places = [dataset.position_of(sample) for sample in samples]
    found = [(place, s) for place, s in zip(places, samples, strict=True) if place is not None]
    return found if len(found) == len(places) else None
