"""Pairs, checked and counted."""

from __future__ import annotations

import numpy as np
import pytest

from pytest_vlm.errors import StatisticsError
from pytest_vlm.stats.pairs import count_pairs

NAN, INF = float("nan"), float("inf")


def test_counts_each_kind_of_pair():
    counts = count_pairs([1, 1, 0, 0, 1, 0], [0, 0, 1, 0, 1, 0])
    assert (counts.n, counts.b, counts.c, counts.both) == (6, 2, 1, 1)
    assert counts.estimate == pytest.approx(-1 / 6)
    assert not counts.clustered


def test_sums_up_clusters_in_order_of_appearance():
    counts = count_pairs([1, 1, 0, 0], [0, 0, 1, 0], clusters=["x", "y", "x", "x"])
    assert counts.cluster_sizes.tolist() == [3, 1]
    assert counts.cluster_sums.tolist() == [0, -1]
    assert counts.clustered


def test_names_that_are_all_different_are_no_clusters():
    assert not count_pairs([1, 0], [1, 0], clusters=["x", "y"]).clustered


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([1, NAN, 0], r"baseline\[1\] is nan; every pair needs two numbers"),
        ([1, 0, INF], r"baseline\[2\] is inf"),
        ([None, 0, 1], r"baseline\[0\] is nan"),
        ([1, 0, 0.5], r"baseline\[2\] is 0.5; a binary score is 0 or 1"),
        ([1, -1, 0], r"baseline\[1\] is -1"),
        ([], "baseline must be a non-empty list of numbers"),
        ([[1, 0, 1]], "baseline must be a non-empty list of numbers"),
        (1, "baseline must be a non-empty list of numbers"),
        ([1, 0], "baseline has 2 values and candidate 3; pair them sample by sample"),
    ],
)
def test_refuses_what_is_no_list_of_zeros_and_ones(values, message):
    with pytest.raises(StatisticsError, match=message):
        count_pairs(values, [0, 1, 1])


def test_names_the_side_that_is_wrong():
    with pytest.raises(StatisticsError, match=r"candidate\[0\] is 2"):
        count_pairs([0, 1], [2, 1])


def test_refuses_another_number_of_cluster_names():
    with pytest.raises(StatisticsError, match="1 cluster names for 2 pairs"):
        count_pairs([0, 1], [0, 1], clusters=["x"])


@pytest.mark.parametrize("kind", [int, bool, float, np.uint8, np.float16])
def test_any_array_of_zeros_and_ones_counts_the_same(kind):
    counts = count_pairs(np.array([1, 1, 0], dtype=kind), np.array([0, 1, 1], dtype=kind))
    assert (counts.b, counts.c, counts.both) == (1, 1, 1)
