"""The four claims: their verdicts, their refusals, and what must hold for any data."""

from __future__ import annotations

import math
import warnings
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_vlm.errors import ClaimNotShown, StatisticsError
from pytest_vlm.stats import assert_claim, compare

CLAIMS = [
    {"claim": "not_worse", "margin": 0.05},
    {"claim": "better"},
    {"claim": "better", "margin": 0.05},
    {"claim": "equivalent", "margin": 0.05},
    {"claim": "no_regression", "mde": 0.1},
]
RANK = {"fail": 0, "inconclusive": 1, "pass": 2}

pairs = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=120)
margins = st.floats(0.001, 0.999)
claims = st.one_of(
    st.builds(
        lambda claim, margin: {"claim": claim, "margin": margin},
        st.sampled_from(["not_worse", "better", "equivalent"]),
        margins,
    ),
    st.builds(lambda mde: {"claim": "no_regression", "mde": mde}, margins),
    st.just({"claim": "better"}),
)


def sides(data):
    return {"baseline": [a for a, _ in data], "candidate": [b for _, b in data]}


@pytest.mark.parametrize(
    ("claim", "counts", "verdict"),
    [
        (CLAIMS[0], {"b": 10, "c": 10, "both": 150, "neither": 30}, "pass"),
        (CLAIMS[0], {"b": 40, "c": 5, "both": 125, "neither": 30}, "fail"),
        (CLAIMS[0], {"b": 14, "c": 10, "both": 146, "neither": 30}, "inconclusive"),
        (CLAIMS[1], {"b": 0, "c": 4, "both": 150, "neither": 46}, "pass"),
        (CLAIMS[1], {"b": 4, "c": 0, "both": 150, "neither": 46}, "fail"),
        (CLAIMS[1], {"b": 0, "c": 3, "both": 150, "neither": 47}, "inconclusive"),
        (CLAIMS[2], {"b": 5, "c": 40, "both": 125, "neither": 30}, "pass"),
        (CLAIMS[2], {"b": 10, "c": 10, "both": 150, "neither": 30}, "fail"),
        (CLAIMS[2], {"b": 10, "c": 20, "both": 140, "neither": 30}, "inconclusive"),
        (CLAIMS[3], {"b": 5, "c": 5, "both": 360, "neither": 30}, "pass"),
        (CLAIMS[3], {"b": 5, "c": 60, "both": 305, "neither": 30}, "fail"),
        (CLAIMS[3], {"b": 60, "c": 5, "both": 305, "neither": 30}, "fail"),
        (CLAIMS[3], {"b": 15, "c": 25, "both": 330, "neither": 30}, "inconclusive"),
        (CLAIMS[4], {"b": 10, "c": 10, "both": 150, "neither": 30}, "pass"),
        (CLAIMS[4], {"b": 10, "c": 3, "both": 157, "neither": 30}, "fail"),
        (CLAIMS[4], {"b": 1, "c": 1, "both": 20, "neither": 8}, "inconclusive"),
    ],
)
def test_verdicts_of_the_four_claims(paired, claim, counts, verdict):
    result = compare(**paired(**counts), **claim)
    assert (result.verdict, result.reason) == (verdict, "")


def test_result_carries_the_numbers_behind_the_verdict(paired):
    result = compare(
        **paired(b=20, c=40, both=80, neither=20),
        claim="not_worse",
        margin=0.05,
        confidence_level=0.95,
    )
    assert (result.n, result.b, result.c, result.n_discordant) == (160, 20, 40, 60)
    assert (result.baseline_mean, result.candidate_mean) == (100 / 160, 120 / 160)
    assert result.estimate == result.risk_difference == 20 / 160
    assert result.ci == pytest.approx((0.03086, 0.21806), abs=5e-6)
    assert result.odds_ratio == 2
    assert (result.null_value, result.alternative, result.margin) == (-0.05, "greater", 0.05)
    assert (result.n_clusters, result.deff, result.n_effective) == (160, 1, 160)
    assert not result.identical


@pytest.mark.parametrize(
    ("counts", "p"),
    [
        ({"both": 45, "neither": 5}, {"auto": 0.076945, "exact": 0.076945, "score": 0.052379}),
        (
            {"b": 10, "c": 10, "both": 180},
            {"auto": 0.020078, "exact": 0.020078, "score": 0.019115},
        ),
    ],
)
def test_p_of_not_worse(paired, counts, p):
    for method, expected in p.items():
        result = compare(**paired(**counts), claim="not_worse", margin=0.05, method=method)
        assert result.p_value == pytest.approx(expected, rel=5e-5)


def test_the_method_depends_on_the_number_of_pairs_and_not_on_their_values(paired):
    few, many = paired(b=5, c=5, both=290), paired(b=5, c=5, both=291)
    claim = {"claim": "not_worse", "margin": 0.05}
    assert compare(**few, **claim).method == "exact unconditional, ordered by Tango's score"
    assert compare(**many, **claim).method == "Tango score"


def test_says_that_the_exact_test_does_not_follow_the_approximate_interval(paired):
    result = compare(**paired(both=52, neither=5), claim="not_worse", margin=0.05)
    assert result.verdict == "inconclusive"
    assert result.ci[0] > -0.05
    assert "the exact test decides; the interval is approximate" in result.warnings[0]


@pytest.mark.parametrize(
    ("losses", "wins", "p"), [(3, 0, 0.0625), (4, 0, 0.03125), (10, 3, 0.028687)]
)
def test_p_of_a_regression_is_the_mid_p(paired, losses, wins, p):
    result = compare(**paired(b=losses, c=wins, both=80, neither=7), claim="no_regression", mde=0.1)
    assert result.p_value == pytest.approx(p, rel=5e-5)


@pytest.mark.parametrize("alpha", [0.01, 0.05, 0.2])
@pytest.mark.parametrize(("b", "c"), [(0, 0), (2, 0), (5, 9), (20, 3)])
def test_not_worse_is_decided_as_the_interval_shows(paired, b, c, alpha):
    data = paired(b=b, c=c, both=120 - b - c, neither=30)
    for margin in np.arange(0.005, 0.3, 0.01):
        result = compare(**data, claim="not_worse", margin=margin, alpha=alpha, method="score")
        low, high = result.ci
        shown = "pass" if low > -margin else "fail" if high < -margin else "inconclusive"
        assert result.verdict == shown
        assert (result.p_value <= alpha) == (shown == "pass")


@pytest.mark.parametrize("claim", CLAIMS)
def test_identical_answers_are_flagged_and_speak_for_no_difference(paired, claim):
    result = compare(**paired(both=90, neither=10), **claim)
    assert result.identical
    assert result.estimate == 0
    assert result.odds_ratio is None
    if claim["claim"] in ("not_worse", "equivalent", "no_regression"):
        assert result.verdict == "pass"
    if result.null_value == 0:
        assert result.p_value == 1.0


@pytest.mark.parametrize(("n", "verdict"), [(50, "inconclusive"), (60, "pass"), (600, "pass")])
def test_identical_answers_pass_from_sixty_pairs_on(paired, n, verdict):
    result = compare(**paired(both=n - 5, neither=5), claim="not_worse", margin=0.05)
    assert result.verdict == verdict


@pytest.mark.parametrize("claim", CLAIMS)
def test_a_broken_baseline_proves_nothing(paired, claim):
    result = compare(**paired(c=100, neither=100), **claim)
    assert result.verdict == "inconclusive"
    assert "the baseline gets nothing right" in result.reason


@pytest.mark.parametrize("claim", CLAIMS)
def test_a_baseline_without_a_mistake_proves_nothing(paired, claim):
    result = compare(**paired(both=200), **claim)
    assert result.verdict == "inconclusive"
    assert "the baseline gets everything right" in result.reason


@pytest.mark.parametrize("claim", ["not_worse", "equivalent", "no_regression"])
@pytest.mark.parametrize("kind", ["binary", "bounded"])
def test_a_loss_beside_a_perfect_baseline_is_a_loss(claim, kind):
    bound = {"mde": 0.05} if claim == "no_regression" else {"margin": 0.05}
    found = compare(
        baseline=[1.0] * 200, candidate=[0.0] * 60 + [1.0] * 140, claim=claim, kind=kind, **bound
    )
    assert (found.verdict, found.reason) == ("fail", "")


def test_a_baseline_at_chance_proves_nothing(paired):
    data = paired(both=50, neither=150)
    claim = {"claim": "not_worse", "margin": 0.05}
    assert compare(**data, **claim).verdict == "pass"
    result = compare(**data, **claim, floor=0.25)
    assert result.verdict == "inconclusive"
    assert result.reason == (
        "the baseline gets 25.0 % right; only one above 25.0 % could tell checkpoints apart"
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"claim": "not_worse"}, "not_worse needs a margin"),
        ({"claim": "equivalent"}, "equivalent needs a margin"),
        ({"claim": "no_regression"}, "no_regression needs a mde"),
        ({"claim": "not_worse", "margin": 0}, "margin must lie between 0 and 1, found 0"),
        ({"claim": "equivalent", "margin": 0.0}, "margin must lie between 0 and 1"),
        ({"claim": "not_worse", "margin": 1}, "margin must lie between 0 and 1, found 1"),
        ({"claim": "not_worse", "margin": -0.05}, "found -0.05"),
        ({"claim": "better", "margin": -0.05}, "found -0.05"),
        ({"claim": "not_worse", "margin": 5}, "found 5"),
        ({"claim": "not_worse", "margin": math.nan}, "found nan"),
        ({"claim": "no_regression", "mde": math.inf}, "mde must lie between 0 and 1, found inf"),
        ({"claim": "not_worse", "margin": 0.05, "mde": 0.1}, "not_worse takes margin="),
        ({"claim": "no_regression", "mde": 0.1, "margin": 0.05}, "no_regression takes mde="),
        ({"claim": "better", "mde": 0.1}, "better takes margin="),
        ({"claim": "as_good", "margin": 0.05}, "unknown claim 'as_good'; known are not_worse"),
        ({"claim": "better", "alpha": 0}, "alpha must lie between 0 and 0.5, found 0"),
        ({"claim": "better", "alpha": 0.5}, "alpha must lie between"),
        ({"claim": "better", "alpha": math.nan}, "alpha must lie between"),
        ({"claim": "better", "confidence_level": 1}, "confidence_level must lie between"),
    ],
)
def test_refuses_claims_that_make_no_sense(paired, arguments, message):
    with pytest.raises(StatisticsError, match=message):
        compare(**paired(both=90, neither=10), **arguments)


@pytest.mark.parametrize("bad", [[1, math.nan], [1, math.inf], [1, 0.5], [], [1, 0, 1]])
@pytest.mark.parametrize("side", ["baseline", "candidate"])
def test_refuses_values_that_are_no_pairs(side, bad):
    values = {"baseline": [1, 0], "candidate": [1, 0], side: bad}
    with pytest.raises(StatisticsError, match=side):
        compare(**values, claim="better")


@pytest.mark.parametrize("kind", ["list", "int", "bool", "float", "torch"])
def test_lists_arrays_and_tensors_give_one_answer(paired, kind):
    lists = paired(b=10, c=12, both=150, neither=28)
    if kind == "torch":
        convert = pytest.importorskip("torch").tensor
    else:
        convert = list if kind == "list" else partial(np.array, dtype=kind)
    data = {side: convert(values) for side, values in lists.items()}
    expected = compare(**lists, claim="not_worse", margin=0.05)
    assert compare(**data, claim="not_worse", margin=0.05) == expected


def test_a_pass_is_returned_and_anything_else_is_raised_with_its_sentence(paired):
    passed = compare(**paired(both=190, neither=10), claim="not_worse", margin=0.05)
    assert assert_claim(passed) is passed
    failed = compare(**paired(b=40, both=150, neither=10), claim="not_worse", margin=0.05)
    with pytest.raises(ClaimNotShown) as raised:
        assert_claim(failed)
    assert (str(raised.value), raised.value.verdict) == (str(failed), "fail")


@given(pairs)
def test_swapping_the_sides_mirrors_estimate_and_interval(data):
    claim = {"claim": "equivalent", "margin": 0.1}
    one = compare(**sides(data), **claim)
    other = compare(**sides([(b, a) for a, b in data]), **claim)
    assert other.estimate == -one.estimate
    assert (-other.ci[1], -other.ci[0]) == pytest.approx(one.ci, abs=1e-6)
    assert other.p_value == pytest.approx(one.p_value, abs=1e-9)


@given(
    rows=st.lists(
        st.tuples(st.booleans(), st.booleans(), st.integers(0, 15)), min_size=1, max_size=80
    ),
    claim=claims,
    random=st.randoms(use_true_random=False),
)
def test_the_order_of_the_pairs_does_not_matter(rows, claim, random):
    shuffled = random.sample(rows, len(rows))
    one, other = (
        compare(**sides([row[:2] for row in data]), clusters=[row[2] for row in data], **claim)
        for data in (rows, shuffled)
    )
    assert other.verdict == one.verdict
    assert other.p_value == pytest.approx(one.p_value, abs=1e-9)
    assert other.ci == pytest.approx(one.ci, abs=1e-9)


@given(data=pairs, right=st.integers(0, 200), wrong=st.integers(0, 200))
def test_more_ties_do_not_hide_a_regression(data, right, wrong):
    claim = {"claim": "no_regression", "mde": 0.1}
    padded = [*data, *[(True, True)] * right, *[(False, False)] * wrong]
    before, after = compare(**sides(data), **claim), compare(**sides(padded), **claim)
    assert after.p_value == before.p_value
    if before.verdict == "fail":
        assert after.verdict == "fail"


@given(
    data=pairs,
    claim=st.sampled_from(["not_worse", "equivalent"]),
    small=margins,
    large=margins,
)
def test_a_pass_at_a_margin_is_a_pass_at_a_larger_one(data, claim, small, large):
    small, large = sorted((small, large))
    strict, lax = (compare(**sides(data), claim=claim, margin=m) for m in (small, large))
    assert RANK[lax.verdict] >= RANK[strict.verdict]
    assert lax.p_value <= strict.p_value + 1e-12


@given(data=pairs, small=margins, large=margins)
def test_better_by_much_is_better_by_less(data, small, large):
    small, large = sorted((small, large))
    less, much = (compare(**sides(data), claim="better", margin=m) for m in (small, large))
    assert RANK[less.verdict] >= RANK[much.verdict]


@given(
    data=pairs,
    claim=claims,
    alpha=st.floats(0.001, 0.4),
    groups=st.none() | st.integers(1, 60),
)
def test_any_data_gives_numbers_and_no_warning(data, claim, alpha, groups):
    clusters = None if groups is None else [i % groups for i in range(len(data))]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = compare(**sides(data), **claim, alpha=alpha, clusters=clusters)
        text = str(result)
    assert 0 < result.p_value <= 1
    assert -1 <= result.ci[0] <= result.estimate <= result.ci[1] <= 1
    assert not math.isnan(result.statistic)
    assert result.deff >= 1
    assert 0 < result.mde <= 1
    assert "nan" not in text


@pytest.mark.parametrize("claim", CLAIMS)
@pytest.mark.parametrize("counts", [{"b": 20_000, "neither": 9}, {"c": 20_000, "both": 9}])
def test_overwhelming_data_never_gives_a_p_of_zero(paired, claim, counts):
    assert 0 < compare(**paired(**counts), **claim).p_value <= 1
