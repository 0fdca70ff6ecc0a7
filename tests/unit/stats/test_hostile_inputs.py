"""Calls that make no sense are refused by the name of the argument, whatever its type."""

from __future__ import annotations

import math
import warnings
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest

from pytest_vlm.errors import StatisticsError
from pytest_vlm.stats import compare
from pytest_vlm.stats.arguments import bounds_of, generator_of, one_of, real, shown, whole

NAN, INF = math.nan, math.inf
BINARY = {"baseline": [1] * 90 + [0] * 10, "candidate": [1] * 88 + [0] * 12}
NOT_WORSE = {"claim": "not_worse", "margin": 0.05}
BOUNDED = {"kind": "bounded", "bounds": (0, 1)}


class Hostile:
    """Nothing that one can ask of a value works."""

    def __repr__(self):
        raise RuntimeError("no text")

    def __eq__(self, other):
        raise RuntimeError("no comparison")

    def __hash__(self):
        raise RuntimeError("no hash")

    def __float__(self):
        raise RuntimeError("no number")

    def __array__(self, *args, **kwargs):
        raise RuntimeError("no array")


class TestReal:
    @pytest.mark.parametrize(
        "value",
        [
            0.5,
            Fraction(1, 2),
            Decimal("0.5"),
            np.float16(0.5),
            np.float32(0.5),
            np.float64(0.5),
            np.longdouble(0.5),
            np.array(0.5),
        ],
    )
    def test_any_type_of_real_number_is_the_same_number(self, value):
        number = real("margin", value, low=0, high=1)
        assert type(number) is float and number == 0.5

    @pytest.mark.parametrize(
        ("value", "text"),
        [
            ("0.05", "'0.05'"),
            (b"1", "b'1'"),
            (True, "True"),
            (np.True_, "True"),
            (None, "None"),
            (0.5j, "0.5j"),
            ([0.5], r"\[0.5\]"),
            (np.array([0.5]), r"array\(\[0.5\]\)"),
            (np.timedelta64(1, "s"), "datetime.timedelta"),
            (Hostile(), "Hostile without a text"),
            (float, "<class 'float'>"),
        ],
    )
    def test_anything_else_is_no_number(self, value, text):
        with pytest.raises(StatisticsError, match=f"margin must be a number, found {text}"):
            real("margin", value)

    @pytest.mark.parametrize(
        "value", [0, 1, -0.5, 1.5, NAN, INF, -INF, 10**400, -(10**400), Decimal("NaN")]
    )
    def test_a_number_elsewhere_is_outside(self, value):
        with pytest.raises(StatisticsError, match="margin must lie between 0 and 1, found "):
            real("margin", value, low=0, high=1)

    def test_limits_that_may_be_reached(self):
        assert real("margin", 0, low=0, high=1, closed="left") == 0
        assert [real("floor", x, low=0, high=1, closed="both") for x in (0, 1)] == [0, 1]
        with pytest.raises(StatisticsError):
            real("margin", 1, low=0, high=1, closed="left")
        for value in (INF, -INF, NAN):
            with pytest.raises(StatisticsError, match="margin must be finite and above 0, found"):
                real("margin", value, low=0, closed="both")
            with pytest.raises(StatisticsError, match="margin must be finite, found"):
                real("margin", value, closed="both")


class TestWholeNumbersAndGenerators:
    @pytest.mark.parametrize("value", [3, np.int8(3), np.uint64(3)])
    def test_any_type_of_whole_number_is_the_same_number(self, value):
        number = whole("family", value, least=1)
        assert type(number) is int and number == 3
        drawn = [generator_of(seed).random() for seed in (value, 3)]
        assert drawn[0] == drawn[1]

    @pytest.mark.parametrize("value", [0, -1, 3.0, "3", True, np.True_, None, np.timedelta64(3)])
    def test_anything_else_is_none(self, value):
        with pytest.raises(StatisticsError, match="family must be a whole number from 1 on, found"):
            whole("family", value, least=1)

    def test_a_generator_is_taken_as_it_is(self):
        generator = np.random.default_rng(1)
        assert generator_of(generator) is generator


class TestWordsAndBounds:
    def test_a_known_word_is_returned(self):
        assert one_of("kind", "binary", ("binary", "bounded")) == "binary"

    @pytest.mark.parametrize("value", ["Binary", "", None, [], {}, 0, np.array(["a", "b"])])
    def test_anything_else_is_unknown(self, value):
        with pytest.raises(StatisticsError, match=r"unknown kind .*; known are binary, bounded"):
            one_of("kind", value, ("binary", "bounded"))
        with pytest.raises(StatisticsError, match="unknown kind Hostile without a text"):
            one_of("kind", Hostile(), ("binary", "bounded"))

    @pytest.mark.parametrize("bounds", [(0, 1), [0, 1], np.array([0, 1]), (np.int8(0), Decimal(1))])
    def test_bounds_are_two_numbers(self, bounds):
        assert bounds_of(bounds) == (0.0, 1.0)
        assert all(type(bound) is float for bound in bounds_of(bounds))

    def test_long_texts_are_cut(self):
        assert shown("x" * 500) == f"'{'x' * 79}..."


DATA = [
    (None, "None"),
    (7, "7"),
    ("0110", "'0110'"),
    (b"0110", "b'0110'"),
    ({0, 1}, "{0, 1}"),
    ((i % 2 for i in range(100)), "<generator"),
    ([], "non-empty"),
    ({}, "non-empty"),
    ([[0, 1]] * 100, r"shape \(100, 2\)"),
    ([0.5] * 100, r"\[0\] is 0.5 \(and 99 more\); a binary score is 0 or 1"),
    (["1"] * 100, r"\[0\] is '1' \(and 99 more\)"),
    ([1, None] * 50, r"\[1\] is None"),
    ([1, NAN] * 50, r"\[1\] is nan"),
    ([1, INF] * 50, r"\[1\] is inf"),
    ([1, 1j] * 50, r"\[1\] is 1j"),
    ([1, 10**400] * 50, r"\[1\] is 1000"),
    (np.ma.masked_equal([1, 0] * 50, 0), r"\[1\] is masked \(and 49 more\)"),
    ({"q1": 1}, "names its samples and"),
    (Hostile(), "Hostile without a text|cannot be read"),
    ([Hostile()] * 100, r"\[0\] is Hostile without a text"),
]


def test_sides_of_different_length_are_refused():
    with pytest.raises(StatisticsError, match="baseline has 100 values and candidate 99; pair th"):
        compare(**{**BINARY, "candidate": [1] * 99}, **NOT_WORSE)


@pytest.mark.parametrize(("values", "message"), DATA)
@pytest.mark.parametrize("side", ["baseline", "candidate"])
@pytest.mark.filterwarnings("error")
def test_data_is_refused_by_side(side, values, message):
    if hasattr(values, "__next__"):
        values = (i % 2 for i in range(100))
    with pytest.raises(StatisticsError, match=f"{side}.*({message})"):
        compare(**{**BINARY, side: values}, **NOT_WORSE)


CALLS = [
    ({"margin": margin}, f"margin must {text}")
    for margin, text in [
        (10**400, "lie between 0 and 1, found 1000"),
        (-(10**400), "lie between 0 and 1, found -1000"),
        ("0.05", "be a number, found '0.05'"),
        (True, "be a number, found True"),
        (np.True_, "be a number, found True"),
        ([0.05], r"be a number, found \[0.05\]"),
        (0.05j, "be a number, found 0.05j"),
        (NAN, "lie between 0 and 1, found nan"),
        (INF, "lie between 0 and 1, found inf"),
        (Decimal("NaN"), "lie between 0 and 1, found Decimal"),
        (-0.05, "lie between 0 and 1, found -0.05"),
        (0, "lie between 0 and 1, found 0"),
        (Fraction(0), r"lie between 0 and 1, found Fraction\(0, 1\)"),
        (1, "lie between 0 and 1, found 1"),
        (5, "lie between 0 and 1, found 5"),
        (Hostile(), "be a number, found Hostile without a text"),
    ]
]
CALLS += [
    ({"margin": None}, "needs a margin"),
    ({"mde": 0.1}, "not_worse takes margin="),
    ({"claim": "better", "mde": 0.1}, "better takes margin="),
    ({"claim": "no_regression", "mde": 0.1}, "no_regression takes mde="),
    ({"claim": "no_regression", "margin": None}, "needs a mde"),
    ({"claim": "no_regression", "margin": None, "mde": "0.1"}, "mde must be a number"),
    ({"claim": "no_regression", "margin": None, "mde": True}, "mde must be a number, found True"),
    ({"claim": "no_regression", "margin": None, "mde": 0}, "mde must lie between 0 and 1, found 0"),
    ({"kind": "bounded", "bounds": (0, 0.04)}, "margin must lie between 0 and 0.04, found 0.05"),
    ({"kind": "positive", "margin": INF}, "margin must be finite and above 0, found inf"),
    ({"kind": "positive", "margin": -1}, "margin must be finite and above 0, found -1"),
]
CALLS += [
    ({"alpha": alpha}, f"alpha must {text}")
    for alpha, text in [
        ("a", "be a number, found 'a'"),
        (None, "be a number, found None"),
        (False, "be a number, found False"),
        ([0.05], "be a number"),
        (0, "lie between 0 and 0.5, found 0"),
        (0.5, "lie between 0 and 0.5, found 0.5"),
        (1, "lie between 0 and 0.5, found 1"),
        (-0.05, "lie between 0 and 0.5"),
        (NAN, "lie between 0 and 0.5, found nan"),
        (10**400, "lie between 0 and 0.5"),
    ]
]
CALLS += [
    ({"confidence_level": level}, f"confidence_level must {text}")
    for level, text in [
        (0, "lie between 0 and 1, found 0"),
        (1, "lie between 0 and 1, found 1"),
        (95, "lie between 0 and 1, found 95"),
        (NAN, "lie between 0 and 1, found nan"),
        ("95", "be a number, found '95'"),
        (True, "be a number, found True"),
        ((0.9,), "be a number"),
    ]
]
CALLS += [
    ({name: value}, f"unknown {name} ")
    for name, values in {
        "kind": [[], None, "Binary", "", 0, {}, b"binary", np.array(["binary"] * 2), Hostile()],
        "claim": [[], None, "Not_worse", "as_good", 0, Hostile()],
        "better": [[], None, "Higher", "more", 1, Hostile()],
    }.items()
    for value in values
]
CALLS += [
    ({"kind": "bounded", "bounds": bounds}, text)
    for bounds, text in [
        ((0, 1, 2), r"bounds must be two numbers, .* found \(0, 1, 2\)"),
        ((1,), "bounds must be two numbers"),
        ((), "bounds must be two numbers"),
        (None, "bounds must be two numbers, .* found None"),
        (1, "bounds must be two numbers"),
        ({0, 1}, "bounds must be two numbers"),
        ({0: 0, 1: 1}, "bounds must be two numbers"),
        ("01", r"bounds\[0\] must be a number, found '0'"),
        ((0, "1"), r"bounds\[1\] must be a number, found '1'"),
        ((0, True), r"bounds\[1\] must be a number, found True"),
        ((None, 1), r"bounds\[0\] must be a number, found None"),
        (((0, 1), (0, 1)), r"bounds\[0\] must be a number"),
        ((0, NAN), r"bounds\[1\] must be finite, found nan"),
        ((-INF, 1), r"bounds\[0\] must be finite, found -inf"),
        ((0, 10**400), r"bounds\[1\] must be finite"),
        ((1, 0), "bounds must rise, by .* found 1 to 0"),
        ((1, 1), "bounds must rise"),
        ((0, 1e308), "bounds must rise, by 1e-50 to 1e[+]50, found 0 to 1e[+]308"),
        ((-1e308, 1e308), "bounds must rise, by .* found -1e[+]308 to 1e[+]308"),
        ((0, 5e-324), "bounds must rise"),
        (Hostile(), "bounds must be two numbers, .* found Hostile"),
    ]
]
CALLS += [
    ({"clusters": clusters}, text)
    for clusters, text in [
        ([], "0 cluster names for 100 pairs"),
        (["p"] * 99, "99 cluster names for 100 pairs"),
        ([["p"]] * 100, r"clusters\[0\] is \['p'\], which is no name"),
        ([{}] * 100, r"clusters\[0\] is {}, which is no name"),
        (["p", None] * 50, r"clusters\[1\] is None, which is no name"),
        (["p", NAN] * 50, r"clusters\[1\] is nan, which is no name"),
        (np.zeros((100, 2)), r"clusters\[0\] is \[0.0, 0.0\], which is no name"),
        ([Hostile()] * 100, r"clusters\[0\] is Hostile without a text"),
        ("p" * 100, "clusters must be a list"),
        ({"p"}, "clusters must be a list"),
        (7, "clusters must be a list, found 7"),
        (Hostile(), "clusters"),
        ({0: "p"}, "clusters go by sample name"),
    ]
]
CALLS += [
    ({"floor": "0.25"}, "floor must be a number"),
    ({"floor": None}, "floor must be a number"),
    ({"floor": NAN}, "floor must .* found nan"),
    ({"ceiling": True}, "ceiling must be a number"),
    ({"method": "wald"}, "unknown method 'wald'.*; known are "),
    ({"method": None}, "unknown method None"),
    ({"method": "exact", "kind": "bounded"}, "method"),
    ({"method": "betting", "kind": "positive"}, "method"),
    ({"sequential": "always"}, "sequential"),
    ({"sequential": True}, "sequential"),
    ({"target": "people"}, "unknown target 'people'; known are population, dataset"),
    ({"target": None}, "unknown target None"),
    ({"rng": "seven"}, "rng must be a whole number from 0 on, found 'seven'"),
    ({"rng": -1}, "rng must be a whole number from 0 on, found -1"),
    ({"rng": 0.5}, "rng must be a whole number"),
    ({"rng": True}, "rng must be a whole number"),
    ({"rng": None}, "rng must be a whole number"),
    ({"family": 0}, "family must be a whole number from 1 on, found 0"),
    ({"family": 2.5}, "family must be a whole number"),
    ({"family": "5"}, "family must be a whole number"),
]


def label(value):
    return shown(value)[:40]


@pytest.mark.parametrize(("arguments", "message"), CALLS, ids=label)
@pytest.mark.filterwarnings("error")
def test_arguments_are_refused_by_name(arguments, message):
    with pytest.raises(StatisticsError, match=message):
        compare(**{**BINARY, **NOT_WORSE, **arguments})


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        (["q"] * 100, "sample 'q' appears twice in ids"),
        (list(range(99)), "99 ids for 100 pairs"),
        ([[i] for i in range(100)], r"ids\[0\] is \[0\], which is no name"),
        ("q" * 100, "ids must be a list"),
    ],
)
def test_ids_are_refused(ids, message):
    with pytest.raises(StatisticsError, match=message):
        compare(**BINARY, **NOT_WORSE, ids=ids)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"kind": "binary", "values": [0, 2, 1]}, r"baseline\['y'\] is 2.0; a binary score is 0 o"),
        ({"kind": "bounded", "values": [0, 1, 2]}, r"baseline\['z'\] is 2.0, outside the bounds 0"),
        ({"kind": "positive", "values": [0, 1, 2]}, r"baseline\['x'\] is 0.0; a ratio needs value"),
        ({"kind": "positive", "values": [1, NAN, 2]}, r"baseline\['y'\] is nan;"),
    ],
)
def test_values_are_refused_by_the_name_of_their_sample(arguments, message):
    values = arguments.pop("values")
    good = [1, 1, 1]
    with pytest.raises(StatisticsError, match=message):
        compare(baseline=values, candidate=good, ids=["x", "y", "z"], **NOT_WORSE, **arguments)
    named = dict(zip("xyz", values, strict=True)), dict.fromkeys("zyx", 1)
    with pytest.raises(StatisticsError, match=message):
        compare(baseline=named[0], candidate=named[1], **NOT_WORSE, **arguments)


@pytest.mark.parametrize(
    "margin",
    [np.float32(0.05), np.float16(0.05), np.float64(0.05), Fraction(1, 20), Decimal("0.05")],
)
@pytest.mark.parametrize("kind", ["binary", "bounded", "positive"])
def test_numbers_of_any_real_type_are_taken(kind, margin):
    sides = {side: [value + (kind == "positive") for value in BINARY[side]] for side in BINARY}
    result = compare(**sides, claim="not_worse", kind=kind, margin=margin, alpha=margin)
    assert result == compare(
        **sides, claim="not_worse", kind=kind, margin=float(margin), alpha=float(margin)
    )


def test_unknown_keywords_are_a_type_error():
    with pytest.raises(TypeError, match="tolerance"):
        compare(**BINARY, **NOT_WORSE, tolerance=0.1)


@pytest.mark.parametrize(
    ("kind", "worst"), [("binary", 0), ("bounded", 0), ("positive", 0.5), ("positive", 1e-300)]
)
def test_extremes_of_a_kind_are_decided_without_a_warning(kind, worst):
    usual = [1, 1, 1, worst] * 100
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        same = compare(baseline=usual, candidate=usual, kind=kind, **NOT_WORSE)
        lost = compare(baseline=usual, candidate=[worst] * 400, kind=kind, **NOT_WORSE)
    assert (same.verdict, same.identical) == ("pass", True)
    assert (lost.verdict, lost.identical) == ("fail", False)
