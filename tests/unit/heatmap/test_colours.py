"""Colour scales order values by lightness; numbers take few letters."""

from __future__ import annotations

import numpy as np
import pytest

from pytest_vlm.heatmap.colours import DIVERGING, SEQUENTIAL, colours_of, number


def lightness(colours: np.ndarray) -> np.ndarray:
    """CIELAB's L*, 0 to 100, of sRGB colours 0 to 255 (IEC 61966-2-1)."""
    c = np.asarray(colours, dtype=float) / 255
    linear = np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)
    y = linear @ (0.2126, 0.7152, 0.0722)
    return np.where(y > 0.008856, 116 * np.cbrt(y) - 16, 903.3 * y)


def test_equal_steps_of_a_value_look_equally_large():
    found = lightness(colours_of(np.linspace(0, 1, 21), SEQUENTIAL))
    steps = np.diff(found)
    assert steps.min() > 0.5 * steps.mean()
    assert steps.max() < 1.5 * steps.mean()
    assert found[0] < 3
    assert found[-1] > 95


def test_both_signs_weigh_the_same():
    found = lightness(colours_of(np.linspace(0, 1, 101), DIVERGING))
    assert found.argmax() == 50
    assert np.abs(found - found[::-1]).max() < 7
    neutral = colours_of(np.array([0.5]), DIVERGING)[0]
    assert np.ptp(neutral) <= 1


def test_ends_and_what_lies_beyond():
    found = colours_of(np.array([-1, 0, 1, 7]), SEQUENTIAL)
    assert found.tolist() == [list(SEQUENTIAL[i]) for i in (0, 0, -1, -1)]
    assert colours_of(np.zeros((2, 3)), SEQUENTIAL).shape == (2, 3, 3)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (1, "1"),
        (0.0307, "0.031"),
        (0.98, "0.98"),
        (99.4, "99"),
        (340.2, "340"),
        (1.23e-5, "1.2e-5"),
        (1e-12, "1e-12"),
        (0.1, "0.1"),
    ],
)
def test_a_number_takes_few_letters(value, text):
    assert number(value) == text
