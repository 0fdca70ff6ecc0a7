"""Slices: planted regressions are found, chance is not, and images count once."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import hypergeom

from pytest_vlm.stats.slices import Slice, _hypergeometric_tail, find_slices


def test_a_planted_regression_comes_first_and_says_so():
    worse = [i in (1, 3, 6, 9, 12, 18, 22, 31, 35, 90, 150) for i in range(200)]
    improved = [i in (2, 60, 61) for i in range(200)]
    tags = [{"counting"} if i < 40 else {"colour"} if i < 120 else set() for i in range(200)]
    first, second = find_slices(worse=worse, improved=improved, tags=tags)
    assert (first.kind, first.name) == ("tag", "counting")
    assert (first.n, first.losses, first.wins) == (40, 9, 1)
    assert (first.total, first.total_losses, first.total_wins) == (200, 11, 3)
    assert first.p_value == pytest.approx(hypergeom.sf(8, 200, 11, 40))
    assert first.p_adjusted == pytest.approx(2 * first.p_value)
    assert str(first) == (
        "9 of 11 losses are tagged counting, though only 40 of 200 samples are (adjusted p < 0.001)"
    )
    assert first.stands_out and not second.stands_out
    assert str(second) == (
        "1 of 11 losses is tagged colour, as 80 of 200 samples are (adjusted p = 1)"
    )


@pytest.mark.parametrize("total", [1, 7, 40])
def test_the_tail_is_the_hypergeometric_one(total):
    for n in range(total + 1):
        for losses in range(total + 1):
            for k in range(max(0, n + losses - total), min(n, losses) + 1):
                tail = _hypergeometric_tail(k, n=n, losses=losses, total=total)
                assert tail == pytest.approx(hypergeom.sf(k - 1, total, losses, n), rel=1e-9)


def test_the_tail_of_many_is_never_nothing():
    assert _hypergeometric_tail(5_000, n=5_000, losses=5_000, total=10_000) > 0


def test_an_image_that_lost_everything_is_a_cluster_not_a_tag():
    """Six lost questions about one image are one accident, whatever they are tagged."""
    clusters = [i // 6 for i in range(600)]
    tags = [{"chart"} if i < 30 else set() for i in range(600)]
    worse = [i < 6 or i in range(100, 600, 50) for i in range(600)]
    nothing = [False] * 600
    naive = find_slices(worse=worse, improved=nothing, tags=tags)
    assert naive[0].name == "chart" and naive[0].p_adjusted < 0.001
    found = find_slices(worse=worse, improved=nothing, tags=tags, clusters=clusters)
    assert [(one.kind, one.name, one.stands_out) for one in found] == [
        ("cluster", "0", True),
        ("tag", "chart", False),
    ]
    assert str(found[0]) == (
        "6 of 16 losses are in cluster 0, though only 6 of 600 samples are (adjusted p < 0.001)"
    )


def test_images_of_many_questions_do_not_stand_out_by_their_number():
    rng = np.random.default_rng(0)
    sizes = np.where(np.arange(300) < 100, 10, 1)
    clusters = np.repeat(np.arange(300), sizes).tolist()
    tags = [{"busy"} if cluster < 100 else set() for cluster in clusters]
    p = []
    for _ in range(200):
        worse = rng.random(len(clusters)) < 0.05
        found = find_slices(worse=worse, improved=~worse, tags=tags, clusters=clusters)
        p += [one.p_value for one in found if one.kind == "tag"]
    assert np.mean(np.array(p) < 0.1) <= 0.14
    lost_any = [[any(rng.random(size) < 0.05) for size in sizes] for _ in range(200)]
    naive = [hypergeom.sf(sum(x[:100]) - 1, 300, sum(x), 100) for x in lost_any]
    assert np.mean(np.array(naive) < 0.1) > 0.9, "the guard bites"


@pytest.mark.parametrize("together", [False, True])
def test_where_nothing_is_to_be_found_little_is(together):
    """In at most one set of ten; where losses share an image, only among the tags is nothing."""
    rng = np.random.default_rng(3)
    sets, false = 500, 0
    for _ in range(sets):
        sizes = rng.integers(1, 7, size=60)
        clusters = np.repeat(np.arange(60), sizes)
        chance = rng.beta(0.12, 1.88, size=60)[clusters] if together else 0.06
        worse = rng.random(len(clusters)) < chance
        about = rng.random((60, 4)) < 0.25  # the same for all questions about an image
        asked = rng.random((len(clusters), 4)) < 0.25
        tags = [
            {f"about{j}" for j in range(4) if about[cluster, j]}
            | {f"asked{j}" for j in range(4) if asked[i, j]}
            for i, cluster in enumerate(clusters)
        ]
        found = find_slices(
            worse=worse.tolist(),
            improved=(~worse).tolist(),
            tags=tags,
            clusters=clusters.tolist(),
        )
        false += any(one.stands_out for one in found if not together or one.kind == "tag")
    assert false / sets <= 0.1


def test_thousands_of_images_do_not_drown_a_tag():
    worse = [i % 400 == 0 or (i < 300 and i % 30 == 0) for i in range(6000)]
    tags = [{"counting"} if i < 300 else set() for i in range(6000)]
    found = find_slices(
        worse=worse, improved=[False] * 6000, tags=tags, clusters=[i // 2 for i in range(6000)]
    )
    assert found[0].name == "counting"
    assert found[0].p_adjusted == pytest.approx(2 * found[0].p_value), "half for the tags"


def test_nothing_lost_is_nothing_found():
    assert find_slices(worse=[], improved=[], tags=[]) == ()
    assert find_slices(worse=[False] * 4, improved=[True] * 4, tags=[{"a"}] * 4) == ()


def test_what_does_not_split_the_samples_is_no_slice():
    tags = [{"all", "one"}, {"all", "two"}, {"all", "two"}, {"all"}]
    found = find_slices(worse=[True] * 4, improved=[False] * 4, tags=tags, clusters="aaaa")
    assert [one.name for one in found] == ["two"]
    assert found[0].p_value == 1, "everything is lost, so nothing stands out"


def test_ties_have_one_order_whatever_the_order_of_the_tags():
    worse = [True, True, False, False, False, False]
    ways = [["b", "a"], ["a", "b"]]
    for way in ways:
        tags = [way, way, [], [], [], []]
        found = find_slices(worse=worse, improved=[False] * 6, tags=tags)
        assert [one.name for one in found] == ["a", "b"]
        assert found[0].p_adjusted == found[1].p_adjusted


def test_a_tag_that_is_given_twice_counts_once():
    tags = [["a", "a"], ["a"], [], []]
    [found] = find_slices(worse=[True, False, False, True], improved=[False] * 4, tags=tags)
    assert (found.n, found.losses) == (2, 1)


def test_lengths_that_differ_are_refused():
    with pytest.raises(ValueError, match=r"lengths are \[2, 2, 1\]"):
        find_slices(worse=[True, False], improved=[False, True], tags=[{"a"}])
    with pytest.raises(ValueError, match=r"lengths are \[1, 1, 1, 2\]"):
        find_slices(worse=[True], improved=[False], tags=[{"a"}], clusters=[1, 2])


def test_a_large_dataset_is_searched_whole():
    rng = np.random.default_rng(5)
    tags = [{f"t{j}" for j in rng.integers(0, 200, 5)} for _ in range(10_000)]
    worse = [rng.random() < (0.15 if "t7" in own else 0.02) for own in tags]
    found = find_slices(
        worse=worse,
        improved=[False] * 10_000,
        tags=tags,
        clusters=rng.integers(0, 4_000, 10_000).tolist(),
    )
    assert [one.name for one in found if one.stands_out] == ["t7"]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"losses": 3}, "all 3 losses are tagged t, though only 5 of 1,200 samples are"),
        ({"total_losses": 1, "losses": 1}, "1 of 1 loss is tagged t, though only 5 of 1,200"),
        ({"p_adjusted": 0.0123}, "(adjusted p = 0.01)"),
        ({"p_adjusted": 0.34}, "as 5 of 1,200 samples are (adjusted p = 0.34)"),
        ({"kind": "cluster", "name": "f" * 99}, f"are in cluster {'f' * 59}…, though"),
    ],
)
def test_the_sentence(fields, words):
    given = {
        "kind": "tag",
        "name": "t",
        "n": 5,
        "losses": 2,
        "wins": 0,
        "total": 1200,
        "total_losses": 3,
        "total_wins": 0,
        "p_value": 0.0001,
        "p_adjusted": 0.0002,
    }
    one = Slice(**{**given, **fields})
    assert words in str(one)
    shown = one.to_json()
    assert shown.pop("sentence") == str(one)
    assert shown.pop("name") == one.short_name
    assert shown == {name: getattr(one, name) for name in shown}
    assert shown.keys() == {"kind", "n", "losses", "wins", "p_adjusted"}
