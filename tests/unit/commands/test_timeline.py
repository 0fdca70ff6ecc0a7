"""A course of numbers in one line, whatever the numbers are."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_vlm.commands.timeline import BLOCKS, WIDTH, brief, sparkline, timeline

numbers = st.floats(allow_nan=False, allow_infinity=False)


def test_the_lowest_and_the_highest_value_are_the_lowest_and_the_highest_block():
    assert sparkline([3.0, 1.0, 2.0]) == "█▁▅"


def test_values_that_do_not_differ_are_level():
    assert sparkline([2.0, 2.0]) == "▄▄"


def test_a_long_course_is_averaged_in_order():
    course = sparkline([float(n) for n in range(1000)])
    assert len(course) == WIDTH
    assert course == "".join(sorted(course))
    assert set(course) == set(BLOCKS)


@given(st.lists(numbers, min_size=1, max_size=200))
def test_any_numbers_have_a_course(values):
    course = sparkline(values)
    assert len(course) == min(len(values), WIDTH)
    assert set(course) <= set(BLOCKS)


def test_the_line_says_where_it_begins_and_ends():
    assert timeline({1000: 0.5, 5: 2.0, 10: 1.0}) == "2.00 at 5  █▃▁  0.500 at 1,000"


def test_a_terminal_without_blocks_gets_none():
    assert timeline({1: 2.0, 2: 1.0}, "ascii") == "2.00 at 1  ...  1.00 at 2"


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0.6611, "0.661"),
        (12.345, "12.3"),
        (1234.5, "1234"),
        (4.5e-6, "4.5e-06"),
        (1e9, "1.0e+09"),
        (0.0, "0"),
        (-0.25, "-0.250"),
        (math.nan, "nan"),
        (math.inf, "inf"),
    ],
)
def test_three_digits_that_count(value, said):
    assert brief(value) == said
