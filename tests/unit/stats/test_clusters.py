"""Several questions about one image are not as many independent ones."""

from __future__ import annotations

import numpy as np
import pytest

from pytest_vlm.stats import compare
from pytest_vlm.stats.clusters import cluster_design, cluster_t
from pytest_vlm.stats.pairs import PairedCounts, PairedValues


def count_pairs(before, after, clusters):
    return PairedCounts.of(PairedValues.of(before, after, clusters=clusters))


def repeated(sides, times):
    """Every pair several times under one cluster name."""
    copies = {side: values * times for side, values in sides.items()}
    return copies, list(range(len(sides["baseline"]))) * times


def test_design_effect_is_the_ratio_of_the_variances():
    a = [1, 1, 1, 1, 0, 0, 1, 1, 1, 0, 1, 0]
    b = [0, 0, 0, 1, 1, 0, 1, 1, 1, 0, 1, 0]
    names = [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3]
    d = np.subtract(b, a)
    residual = [(d - d.mean())[np.equal(names, g)].sum() for g in range(4)]
    robust = 4 / 3 * np.square(residual).sum() / 12**2
    design = cluster_design(count_pairs(a, b, names))
    assert design.standard_error == pytest.approx(np.sqrt(robust))
    assert design.deff == pytest.approx(robust / (d.var(ddof=1) / 12))
    assert design.deff > 1.6
    assert (design.clusters, design.effective_clusters) == (4, 4)


def test_design_effect_assumes_some_correlation_where_none_is_seen():
    names = [i // 5 for i in range(100)]
    before = [1] * 100
    after = [float(i % 5 != i // 20) for i in range(100)]  # one loss a cluster, at another place
    design = cluster_design(count_pairs(before, after, names))
    assert design.deff == pytest.approx(1 + 0.3 * 4)


def test_design_effect_assumes_the_worst_where_nothing_differs():
    """Nothing speaks against the questions about one image being the same question."""
    same = [1, 0] * 10
    design = cluster_design(count_pairs(same, same, [i // 5 for i in range(20)]))
    assert design.deff == pytest.approx(5)


def test_one_large_cluster_leaves_few_effective_ones():
    names = [0] * 10 + list(range(1, 11))
    design = cluster_design(count_pairs([1] * 20, [1] * 20, names))
    assert design.effective_clusters == pytest.approx(400 / 110)


def test_losses_alike_in_every_cluster_are_decided_by_the_sign():
    counts = count_pairs([1] * 24, [0, 1] * 12, [i // 2 for i in range(24)])
    statistic, p = cluster_t(counts, cluster_design(counts))
    assert (statistic, p) == (-np.inf, 0.5**12)


@pytest.mark.parametrize("size", [3, 7, 49])
def test_the_sign_decides_whatever_the_size_of_the_clusters(size):
    names = [i // size for i in range(12 * size)]
    losing = ([0] + [1] * (size - 1)) * 12
    counts = count_pairs([1] * (12 * size), losing, names)
    assert cluster_t(counts, cluster_design(counts))[1] == pytest.approx(0.5**12)


@pytest.mark.parametrize("n", [20, 49, 98])
def test_a_single_cluster_gives_a_number_and_no_verdict(n):
    result = compare(
        baseline=[0] + [1] * (n - 1),
        candidate=[1] * n,
        claim="no_regression",
        mde=0.1,
        clusters=["one"] * n,
    )
    assert result.verdict == "inconclusive"
    assert 0 < result.p_value <= 1


@pytest.mark.parametrize("times", [2, 5, 20])
@pytest.mark.parametrize(
    ("counts", "claim"),
    [
        ({"b": 2, "c": 2, "both": 50, "neither": 6}, {"claim": "not_worse", "margin": 0.05}),
        ({"b": 1, "c": 4, "both": 40, "neither": 15}, {"claim": "better"}),
        ({"b": 2, "c": 2, "both": 50, "neither": 6}, {"claim": "equivalent", "margin": 0.06}),
        ({"both": 40, "neither": 5}, {"claim": "not_worse", "margin": 0.05}),
    ],
    ids=["not worse", "better", "equivalent", "not worse, nothing discordant"],
)
def test_copies_under_one_name_prove_nothing_more(paired, counts, claim, times):
    sides = paired(**counts)
    copies, names = repeated(sides, times)
    assert compare(**sides, **claim).verdict == "inconclusive"
    assert compare(**copies, clusters=names, **claim).verdict == "inconclusive"


def test_copies_without_their_name_would_have_passed(paired):
    copies, _ = repeated(paired(b=2, c=2, both=50, neither=6), 20)
    assert compare(**copies, claim="not_worse", margin=0.05).verdict == "pass"


def test_copies_under_one_name_do_not_make_a_regression(paired):
    sides = paired(b=3, c=1, both=46, neither=10)
    copies, names = repeated(sides, 10)
    claim = {"claim": "no_regression", "mde": 0.2}
    assert compare(**sides, **claim).verdict == "pass"
    assert compare(**copies, clusters=names, **claim).verdict != "fail"
    assert compare(**copies, **claim).verdict == "fail"


def test_fewer_than_ten_clusters_prove_nothing(paired):
    sides = paired(both=190, neither=10)
    result = compare(**sides, claim="not_worse", margin=0.05, clusters=[i % 9 for i in range(200)])
    assert result.verdict == "inconclusive"
    assert "200 pairs in only 9 clusters; at least 10 different images" in result.reason


@pytest.mark.parametrize(("clusters", "warned"), [(10, True), (39, True), (40, False)])
def test_fewer_than_forty_clusters_warn(paired, clusters, warned):
    result = compare(
        **paired(both=380, neither=20),
        claim="not_worse",
        margin=0.05,
        clusters=[i % clusters for i in range(400)],
    )
    assert result.reason == ""
    assert result.n_clusters == clusters
    assert any(f"only {clusters} clusters" in warning for warning in result.warnings) == warned


def test_correlated_pairs_at_the_margin_pass_as_rarely_as_promised_only_with_their_clusters():
    replicates, groups, size, margin = 1_500, 60, 5, 0.05
    random = np.random.default_rng(20)
    names = np.repeat(np.arange(groups), size).tolist()
    baseline = np.tile([1, 1, 1, 0, 1], groups)
    passes = {"clustered": 0, "naive": 0}
    for _ in range(replicates):
        shape = (groups, size)
        alike = random.random((groups, 1)) < 0.5  # half of the images share one outcome
        draw = np.where(alike, random.random((groups, 1)), random.random(shape)).ravel()
        a = np.where(draw < 0.10, 1, np.where(draw < 0.15, 0, baseline))
        b = np.where(draw < 0.10, 0, np.where(draw < 0.15, 1, baseline))
        sides = {"baseline": a, "candidate": b, "claim": "not_worse", "margin": margin}
        passes["clustered"] += compare(**sides, clusters=names).verdict == "pass"
        passes["naive"] += compare(**sides).verdict == "pass"
    assert passes["clustered"] / replicates <= 0.07
    assert passes["naive"] / replicates > 0.09


def test_one_large_cluster_among_many_small_ones_proves_nothing(paired):
    sides = paired(b=3, c=60, both=200, neither=37)
    names = [0] * 261 + list(range(1, 40))
    result = compare(**sides, claim="better", clusters=names)
    assert result.verdict == "inconclusive"
    assert "300 pairs in only 40 clusters, worth 1;" in result.reason
