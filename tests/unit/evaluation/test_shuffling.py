"""A random order that keeps clusters together and is the same for the same samples."""

from __future__ import annotations

from itertools import groupby

import numpy as np
import pytest

from pytest_vlm.evaluation.dataset import Dataset
from pytest_vlm.evaluation.samples import Message, Sample, Text
from pytest_vlm.evaluation.shuffling import LOOK, in_looks, shuffled


def dataset(clusters: int, size: int = 1) -> Dataset:
    return Dataset(
        Sample(
            id=f"{cluster}-{number}",
            messages=(Message(role="user", parts=(Text(text=f"{cluster}, {number}?"),)),),
            cluster=f"c{cluster}",
        )
        for number in range(size)
        for cluster in range(clusters)
    )


def ids(samples) -> list[str]:
    return [sample.id for sample in samples]


def test_holds_every_sample_once_in_another_order():
    given = dataset(200)
    order = ids(shuffled(given))
    assert sorted(order) == sorted(ids(given))
    assert order != ids(given)


def test_clusters_stay_together():
    order = shuffled(dataset(50, 4))
    runs = [name for name, _ in groupby(sample.cluster for sample in order)]
    assert len(runs) == len(set(runs)) == 50


def test_the_same_samples_come_in_the_same_order():
    assert ids(shuffled(dataset(100))) == ids(shuffled(dataset(100)))
    assert ids(shuffled(dataset(100))) != ids(shuffled(dataset(101)))[:100]


def test_every_order_is_about_as_likely():
    """The place of the first sample in the orders of a hundred datasets."""
    places = [ids(shuffled(dataset(n))).index("0-0") / n for n in range(50, 150)]
    assert 0.4 < np.mean(places) < 0.6
    assert 0.2 < np.std(places) < 0.4


def test_a_shuffled_dataset_is_a_dataset():
    order = shuffled(dataset(100))
    first = order[0]
    assert order[first.id] == first
    assert order.position_of(first) == 0
    assert ids(order[10:20]) == ids(order)[10:20]
    assert first in order
    assert order[:50].root is order


def test_looks_are_parts_of_the_order():
    order = shuffled(dataset(200))
    looks = list(in_looks(order, order))
    assert [len(look) for look in looks] == [64, 64, 64, 8]
    assert [id for look in looks for id in ids(look)] == ids(order)


def test_a_cluster_is_looked_at_as_a_whole():
    order = shuffled(dataset(40, 5))
    looks = list(in_looks(order, order))
    seen = [{sample.cluster for sample in look} for look in looks]
    assert sum(map(len, seen)) == 40
    assert [len(look) for look in looks] == [60, 65, 65, 10]


@pytest.mark.parametrize("as_list", [False, True])
def test_a_part_is_looked_at_where_the_whole_is(as_list):
    """What is asked of the whole between two looks is known then."""
    order = shuffled(dataset(200))
    part = order.where(lambda sample: int(sample.id.partition("-")[0]) % 2 == 0)
    looks = list(in_looks(list(part)[::-1] if as_list else part, order))
    for number, look in enumerate(looks):
        assert {order.position_of(sample) // LOOK for sample in look} == {number}
    assert [id for look in looks for id in ids(look)] == ids(part)


@pytest.mark.parametrize("run", [None, dataset(3)])
def test_other_samples_are_shuffled_first(run):
    own = list(dataset(130))
    looks = list(in_looks(own, run))
    assert [len(look) for look in looks] == [64, 64, 2]
    assert ids(looks[0]) != ids(own)[:64]
