"""What holds of every comparison, whatever its kind, its claim and its data."""

from __future__ import annotations

import json
import math
import warnings
from itertools import permutations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_vlm.stats import compare

KINDS = ["binary", "bounded", "positive"]
TESTS = ["not_worse", "better", "equivalent", "no_regression"]
EVERY = list(product(KINDS, TESTS))
LAYOUTS = [False, True]
FEW = 12
RANK = {"fail": 0, "inconclusive": 1, "pass": 2}
ENOUGH = settings(max_examples=25, deadline=None)

values = {
    "binary": st.sampled_from([0.0, 1.0]),
    "bounded": st.sampled_from([0.0, 0.5, 1.0]) | st.integers(0, 100).map(lambda i: i / 100),
    "positive": st.integers(1, 50).map(lambda i: i / 8),
}
extreme = {
    "binary": values["binary"],
    "bounded": values["bounded"]
    | st.sampled_from([5e-324, 1e-310, 1e-160, 1e-17, 1 - 2**-53])
    | st.floats(0, 1),
    "positive": values["positive"]
    | st.sampled_from([5e-324, 1e-310, 1e-160, 1e160, 1e300, 1.7976931348623157e308])
    | st.floats(5e-324, 1.7e308),
}
margins = st.floats(0.001, 0.999)


def rows(kind, numbers=values, least=1, most=40, groups=12):
    number = numbers[kind]
    pair = st.tuples(number, number, st.integers(0, groups))
    tie = st.tuples(number, st.integers(0, groups)).map(lambda row: (row[0], row[0], row[1]))
    return st.lists(pair | tie, min_size=least, max_size=most)


def swapped(data):
    return [(after, before, group) for before, after, group in data]


def bound(claim, size):
    return {"claim": claim, ("mde" if claim == "no_regression" else "margin"): size}


def decided(data, kind, clustered=False, **arguments):
    if kind == "binary" and not clustered and len(data) > FEW:
        arguments.setdefault("method", "score")  # the exact test of many pairs takes its time
    return compare(
        baseline=[row[0] for row in data],
        candidate=[row[1] for row in data],
        clusters=[row[2] for row in data] if clustered else None,
        kind=kind,
        **arguments,
    )


def mirrored(kind, ends):
    """An estimate or the ends of an interval with the sides exchanged."""
    return sorted(1 / x if kind == "positive" else -x for x in ends)


@pytest.mark.parametrize("clustered", LAYOUTS)
@pytest.mark.parametrize("kind", KINDS)
class TestSwappedSides:
    @ENOUGH
    @given(data=st.data(), margin=margins)
    def test_mirror_estimate_interval_and_equivalence(self, kind, clustered, data, margin):
        pairs = data.draw(rows(kind))
        claim = bound("equivalent", margin)
        one = decided(pairs, kind, clustered, **claim)
        other = decided(swapped(pairs), kind, clustered, **claim)
        assert [other.estimate] == pytest.approx(mirrored(kind, [one.estimate]))
        assert list(other.ci) == pytest.approx(mirrored(kind, one.ci), rel=1e-6, abs=1e-6)
        assert other.p_value == pytest.approx(one.p_value, rel=1e-6, abs=1e-9)
        assert (other.b, other.c) == (one.c, one.b)
        assert (other.deff, other.identical) == (pytest.approx(one.deff), one.identical)

    @ENOUGH
    @given(data=st.data())
    def test_make_a_loss_a_gain(self, kind, clustered, data):
        pairs = data.draw(rows(kind))
        loss = decided(pairs, kind, clustered, claim="no_regression", mde=0.5)
        gain = decided(swapped(pairs), kind, clustered, claim="better")
        assert gain.p_value == pytest.approx(loss.p_value, rel=1e-6, abs=1e-9)
        back = decided(swapped(pairs), kind, clustered, claim="no_regression", mde=0.5)
        if kind == "binary" and not clustered and not loss.identical:
            assert loss.p_value + back.p_value == pytest.approx(1)  # of a mid-p

    @ENOUGH
    @given(data=st.data(), margin=margins)
    def test_refute_a_gain_where_a_loss_is_ruled_out(self, kind, clustered, data, margin):
        pairs = data.draw(rows(kind))
        held = decided(pairs, kind, clustered, claim="not_worse", margin=margin)
        gain = decided(swapped(pairs), kind, clustered, claim="better", margin=margin)
        if not held.reason and not gain.reason:
            assert RANK[gain.verdict] == 2 - RANK[held.verdict]


@pytest.mark.parametrize("clustered", LAYOUTS)
class TestEveryClaim:
    @pytest.mark.parametrize(("kind", "claim"), EVERY)
    @ENOUGH
    @given(data=st.data(), margin=margins, random=st.randoms(use_true_random=False))
    def test_does_not_depend_on_the_order(self, kind, claim, clustered, data, margin, random):
        pairs = data.draw(rows(kind))
        one, other = (
            decided(order, kind, clustered, **bound(claim, margin))
            for order in (pairs, random.sample(pairs, len(pairs)))
        )
        assert other.p_value == pytest.approx(one.p_value, rel=1e-6, abs=1e-9)
        assert other.ci == pytest.approx(one.ci, rel=1e-6, abs=1e-9)
        assert other.estimate == pytest.approx(one.estimate)
        near = min(abs(other.p_value - 0.05), abs(other.mde - margin)) < 1e-9
        assert near or other.verdict == one.verdict

    @pytest.mark.parametrize(("kind", "claim"), EVERY)
    @settings(max_examples=40, deadline=None)
    @given(
        data=st.data(),
        margin=margins,
        alpha=st.sampled_from([1e-12, 0.001, 0.05, 0.3, 0.499]),
        level=st.none() | st.sampled_from([1e-9, 0.5, 0.95, 1 - 1e-12]),
        better=st.sampled_from(["higher", "lower"]),
    )
    @pytest.mark.filterwarnings("error")
    def test_gives_numbers_and_never_warns(
        self, kind, claim, clustered, data, margin, alpha, level, better
    ):
        pairs = data.draw(rows(kind, extreme))
        with warnings.catch_warnings(), np.errstate(all="raise"):
            warnings.simplefilter("error")
            result = decided(
                pairs,
                kind,
                clustered,
                better=better,
                alpha=alpha,
                confidence_level=level,
                **bound(claim, margin),
            )
            text = str(result)
        check(result, text)


def check(result, text):
    """Three verdicts, a sentence, strict JSON, and no number that is none."""
    assert result.verdict in RANK
    assert bool(result.reason) <= (result.verdict == "inconclusive")
    assert 0 < result.p_value <= 1
    low, high = result.ci
    assert low <= high
    if result.kind != "bounded" or result.confidence_level >= 0.9:  # skewness moves its middle
        assert low <= result.estimate <= high
    if result.kind != "positive":
        assert low >= -1 and high <= 1
    assert not math.isnan(result.statistic)
    assert result.deff >= 1
    assert result.mde > 0 or (result.kind == "positive" and result.mde == 0)
    assert result.n_required is None or result.n_required >= 1
    for word in ("nan", "inf ", "inf)", "inf;", "None"):
        assert word not in text
    fields = json.loads(json.dumps(result.to_json(), allow_nan=False))
    assert fields["verdict"] == result.verdict


@pytest.mark.parametrize("n", [1, 2, 3, 11, 60])
@pytest.mark.parametrize("clustered", LAYOUTS)
@pytest.mark.parametrize(("kind", "claim"), EVERY)
@pytest.mark.parametrize(
    "pair",
    [(1, 1), (0, 1), (1, 0), (0, 0), (0.5, 0.5), (5e-324, 1e-310), (1e300, 1e299)],
)
@pytest.mark.filterwarnings("error")
def test_constant_sides_give_numbers(kind, claim, clustered, n, pair):
    fitting = {
        "binary": set(pair) <= {0, 1},
        "bounded": max(pair) <= 1,
        "positive": min(pair) > 0,
    }
    if not fitting[kind]:
        pair = (1, 1)
    data = [(*pair, i // 2) for i in range(n)]
    with np.errstate(all="raise"):
        result = decided(data, kind, clustered, **bound(claim, 0.05))
        text = str(result)
    check(result, text)
    assert result.identical == (pair[0] == pair[1])


@pytest.mark.parametrize("n", [2, 60])
@pytest.mark.parametrize("claim", TESTS)
@pytest.mark.parametrize("better", ["higher", "lower"])
def test_the_largest_ratios_give_numbers(claim, better, n):
    for pair in ((1e-300, 1e300), (1e300, 1e-300)):
        data = [(*pair, i) for i in range(n)]
        result = decided(data, "positive", better=better, **bound(claim, 0.05))
        check(result, str(result))
        assert result.n == n


def test_denormal_differences_do_not_even_warn_whom_underflow_bothers():
    with np.errstate(all="raise"):
        result = decided([(0.0, 0.0, 0), (0.0, 5e-324, 0)], "bounded", **bound("not_worse", 0.5))
    check(result, str(result))
    assert result.n == 2


def test_differences_that_cancel_in_one_order_only_give_one_answer():
    rows = [(0.0, 0.73, 0)] * 2 + [(0.23, 0.0, 0), (1.0, 0.0, 0), (0.23, 0.0, 0), (0.0, 0.0, 0)]
    orders = [[rows[i] for i in order] for order in permutations(range(len(rows)))]
    found = {round(decided(o, "bounded", **bound("no_regression", 0.5)).p_value, 6) for o in orders}
    assert len(found) == 1


def test_a_difference_of_just_the_margin_is_no_exception():
    found = [
        decided([(0.0, 0.5, 0)], "bounded", **bound("equivalent", margin)).p_value
        for margin in (0.25, 0.5, 0.75)
    ]
    assert found == sorted(found, reverse=True)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("clustered", LAYOUTS)
class TestMargins:
    @ENOUGH
    @given(data=st.data(), sizes=st.tuples(margins, margins).map(sorted))
    @pytest.mark.parametrize("claim", ["not_worse", "equivalent", "no_regression"])
    def test_a_pass_at_one_is_a_pass_at_every_larger_one(self, kind, clustered, claim, data, sizes):
        pairs = data.draw(rows(kind))
        strict, lax = (decided(pairs, kind, clustered, **bound(claim, size)) for size in sizes)
        assert RANK[lax.verdict] >= RANK[strict.verdict]
        assert lax.p_value <= strict.p_value * (1 + 1e-9)

    @ENOUGH
    @given(data=st.data(), sizes=st.tuples(st.just(0.0) | margins, margins).map(sorted))
    def test_better_by_much_is_better_by_less(self, kind, clustered, data, sizes):
        pairs = data.draw(rows(kind))
        less, much = (decided(pairs, kind, clustered, **bound("better", size)) for size in sizes)
        if sizes[0] > 0:
            assert RANK[less.verdict] >= RANK[much.verdict]
            assert less.p_value <= much.p_value * (1 + 1e-9)


@settings(max_examples=200, deadline=None)
@given(data=rows("binary"), right=st.integers(0, 150), wrong=st.integers(0, 150))
def test_ties_never_hide_a_loss_nor_make_one(data, right, wrong):
    claim = {"method": "auto", **bound("no_regression", 0.1)}
    padded = [*data, *[(1, 1, 0)] * right, *[(0, 0, 0)] * wrong]
    before, after = (decided(pairs, "binary", **claim) for pairs in (data, padded))
    assert after.p_value == before.p_value
    if before.verdict == "fail":
        assert after.verdict == "fail"


def as_mapping(side):
    return {f"sample {i}": value for i, value in enumerate(side)}


CONTAINERS = {
    "tuple": tuple,
    "float64": lambda side: np.array(side),
    "float32": lambda side: np.array(side, dtype=np.float32),
    "float16": lambda side: np.array(side, dtype=np.float16),
    "object": lambda side: np.array(side, dtype=object),
    "scalars": lambda side: [np.float32(value) for value in side],
    "strided": lambda side: np.repeat(np.array(side), 2)[::2],
    "mapping": as_mapping,
}


@pytest.mark.parametrize("clustered", LAYOUTS)
@pytest.mark.parametrize(("kind", "claim"), EVERY)
@ENOUGH
@given(
    data=st.data(),
    one=st.sampled_from(sorted(CONTAINERS)),
    other=st.sampled_from(sorted(CONTAINERS)),
)
def test_containers_and_types_give_one_answer(kind, claim, clustered, data, one, other):
    exact = {"bounded": st.integers(0, 8).map(lambda i: i / 8)}
    pairs = data.draw(rows(kind, values | exact, most=FEW))
    if "mapping" in (one, other):
        one = other = "mapping"
    arguments = {"kind": kind, **bound(claim, 0.25)}
    clusters = [row[2] for row in pairs] if clustered else None
    expected = decided(pairs, kind, clustered, **bound(claim, 0.25))
    found = compare(
        baseline=CONTAINERS[one]([row[0] for row in pairs]),
        candidate=CONTAINERS[other]([row[1] for row in pairs]),
        clusters=np.array(clusters) if clustered else None,
        **arguments,
    )
    assert found == expected


@pytest.mark.parametrize("library", ["pandas", "torch"])
@pytest.mark.parametrize(("kind", "claim"), EVERY)
def test_columns_and_tensors_give_the_same_answer(kind, claim, library):
    module = pytest.importorskip(library)
    random = np.random.default_rng(7)
    sides = [random.integers(1, 9, 60) / 8 for _ in range(2)]
    if kind == "binary":
        sides = [(side > 0.4).astype(float) for side in sides]
    clusters = [i // 3 for i in range(60)]
    arguments = {"kind": kind, **bound(claim, 0.25)}
    expected = compare(baseline=sides[0], candidate=sides[1], clusters=clusters, **arguments)
    make = module.tensor if library == "torch" else module.Series
    for kind_of_number in ("float64", "float32", "float16", "bfloat16"):
        if (library, kind_of_number) == ("pandas", "bfloat16"):
            continue
        dtype = getattr(module, kind_of_number) if library == "torch" else kind_of_number
        one, other = (make(side.tolist(), dtype=dtype) for side in sides)
        for grouped in (clusters, make(clusters)):
            found = compare(baseline=one, candidate=other, clusters=grouped, **arguments)
            assert found == expected


class TestIntervals:
    """Where a test is its own inverse, the interval holds what it does not reject."""

    GRID = np.concatenate([np.arange(0.01, 0.5, 0.03), np.arange(0.5, 0.95, 0.1)])

    @pytest.mark.parametrize("clustered", LAYOUTS)
    @pytest.mark.parametrize("kind", KINDS)
    @settings(max_examples=15, deadline=None)
    @given(data=st.data(), alpha=st.sampled_from([0.01, 0.05, 0.2]))
    def test_agree_with_the_p_value_over_a_grid(self, kind, clustered, data, alpha):
        pairs = data.draw(rows(kind, least=12, groups=30))
        method = {"method": "score"} if kind == "binary" else {}
        for margin in self.GRID:
            for claim, edge in (("not_worse", -margin), ("better", margin)):
                result = decided(
                    pairs, kind, clustered, claim=claim, margin=margin, alpha=alpha, **method
                )
                low, high = result.ci
                if kind == "positive":
                    edge = result.null_value
                if "sign" in result.method:  # of a constant difference, whose interval is a point
                    continue
                if min(abs(low - edge), abs(high - edge)) > 1e-6:
                    assert (result.p_value <= alpha) == (low > edge)
