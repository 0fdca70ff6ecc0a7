"""How much of a golden's tolerance is used, and on which side of its limit a number is."""

from __future__ import annotations

import math
import re
from dataclasses import replace

import pytest

from pytest_vlm.report.html_headroom import headroom, measured, numbers, used, value_words
from pytest_vlm.report.model import GoldenMeasure


def higher(value: float, limit: float | None = 0.994) -> GoldenMeasure:
    return GoldenMeasure(name="correlation", value=value, limit=limit)


def lower(value: float, limit: float | None = 0.3) -> GoldenMeasure:
    return GoldenMeasure(name="largest deviation", value=value, limit=limit, better="lower")


@pytest.mark.parametrize(
    ("measure", "share"),
    [
        (higher(1.0), 0.0),
        (higher(0.997), 0.5),
        (higher(0.994), 1.0),
        (higher(0.982), 3.0),
        (lower(0.0), 0.0),
        (lower(0.15), 0.5),
        (lower(0.6), 2.0),
        (lower(0, 0), 0.0),
        (lower(1, 0), math.inf),
        (higher(1, 1), 0.0),
        (higher(0.9, 1), math.inf),
        (replace(lower(1.1, 1.5), name="scale ratio"), 0.2),
        (replace(higher(0.9, 0.5), name="scale ratio"), 0.2),
        (higher(0.5, None), None),
        (higher(math.nan), None),
        (lower(math.inf), None),
    ],
)
def test_the_share_of_the_tolerance(measure, share):
    assert used(measure) == (pytest.approx(share) if share is not None else None)


@pytest.mark.parametrize(
    ("measure", "words", "within"),
    [
        (higher(0.9962), "0.9962", True),
        (higher(0.99396), "0.99396", False),
        (lower(0.300001), "0.300001", False),
        (lower(14, 20), "14", True),
        (lower(0.0), "0", True),
        (higher(1.0), "1", True),
        (lower(1234567, 20), "1,234,567", False),
        (lower(12345.678, None), "12,345.7", True),
        (higher(math.nan), "nan", False),
    ],
)
def test_a_number_has_the_decimals_that_tell_its_side(measure, words, within):
    assert value_words(measure) == words
    assert measure.holds is within


@pytest.mark.parametrize(
    ("measure", "tone", "width"),
    [
        (higher(0.997), "good", 36.0),
        (higher(0.9945), "unsure", 66.0),
        (higher(0.5), "bad", 72.0),
        (lower(1, 0), "bad", 72.0),
    ],
)
def test_the_bar_shows_the_share_and_stays_in_its_frame(measure, tone, width):
    bar = headroom(measure)
    assert f'class="headroom {tone}"' in bar
    assert float(re.findall(r'class="used" width="([\d.]+)"', bar)[0]) == width


def test_a_number_stands_beside_its_limit():
    assert "0.9962, limit 0.994" in numbers(higher(0.9962))
    assert numbers(higher(1.02, None)) == "1.0200"
    assert headroom(higher(0.5, None)) == headroom(higher(math.nan)) == ""


def test_only_a_number_that_fails_is_marked():
    failing, holding = measured(higher(0.5)), measured(higher(0.9962))
    assert 'class="beyond bad"' in failing and "<path" in failing, "not by colour alone"
    assert "beyond" not in holding and "at least 0.994" in holding
    assert "at most 0.3" in measured(lower(0.1))
    assert "no limit" in measured(lower(0.1, None))
