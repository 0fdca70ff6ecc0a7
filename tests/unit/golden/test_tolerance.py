"""How far a map may be from its golden."""

from __future__ import annotations

import math

import pytest

from pytest_vlm.errors import GoldenError
from pytest_vlm.golden.tolerance import STRICT, TOLERANT, Tolerance, told, tolerance_of
from pytest_vlm.heatmap.metrics import MapDistance
from pytest_vlm.report.model import GoldenMeasure

NAMES = ["Pearson", "smoothed Pearson", "largest deviation", "peak displacement", "scale ratio"]


def distance(**changes: float) -> MapDistance:
    same = {
        "pearson": 1.0,
        "smoothed_pearson": 1.0,
        "max_deviation": 0.0,
        "peak_displacement": 0.0,
        "scale_ratio": 1.0,
    }
    return MapDistance(**{**same, **changes})


def passes(tolerance: Tolerance, **changes: float) -> bool:
    return all(measure.holds for measure in tolerance.measures(distance(**changes)))


def test_strict_is_the_correlation_and_bounds_single_cells():
    assert passes(STRICT, pearson=0.994, smoothed_pearson=0, max_deviation=0.3, scale_ratio=9)
    assert not passes(STRICT, pearson=0.9939)
    assert not passes(STRICT, max_deviation=0.301)


def test_tolerant_is_smoothed_and_bounds_single_cells():
    assert passes(TOLERANT, pearson=0.5, smoothed_pearson=0.99, max_deviation=0.3)
    assert not passes(TOLERANT, smoothed_pearson=0.9899)
    assert not passes(TOLERANT, max_deviation=0.301)


@pytest.mark.parametrize(
    ("tolerance", "kept", "broken"),
    [
        (Tolerance(peak_displacement=2), {"peak_displacement": 2}, {"peak_displacement": 2.1}),
        (Tolerance(scale_ratio=1.5), {"scale_ratio": 1.5}, {"scale_ratio": 1.51}),
        (Tolerance(scale_ratio=1.5), {"scale_ratio": 1 / 1.49}, {"scale_ratio": 1 / 1.51}),
        (Tolerance(scale_ratio=1.5), {"scale_ratio": 1.0}, {"scale_ratio": 0.0}),
        (Tolerance(max_deviation=0.1), {"max_deviation": 0.1}, {"max_deviation": math.inf}),
        (Tolerance(), {"pearson": 1.0}, {"pearson": math.nan}),
        (Tolerance(max_deviation=9), {"max_deviation": 8}, {"max_deviation": math.nan}),
    ],
)
def test_every_number_can_have_a_limit(tolerance, kept, broken):
    assert passes(tolerance, **kept)
    assert not passes(tolerance, **broken)


def test_all_numbers_are_reported_those_that_decide_first():
    deciding = [m.name for m in STRICT.measures(distance()) if m.limit is not None]
    assert deciding == [NAMES[0], NAMES[2]]
    measures = TOLERANT.measures(distance())
    assert [measure.name for measure in measures[:2]] == NAMES[1:3]
    assert {measure.name for measure in measures} == set(NAMES)
    assert [measure.limit for measure in measures] == [0.99, 0.3, None, None, None]


def test_a_number_is_told_beside_its_limit():
    assert told(GoldenMeasure(name="Pearson", value=0.99623, limit=0.994)) == (
        "Pearson 0.9962 (limit 0.994)"
    )
    assert told(GoldenMeasure(name="scale ratio", value=2)) == "scale ratio 2.0000"


def test_tolerances_have_names():
    assert tolerance_of("strict") is STRICT
    assert tolerance_of("tolerant") is TOLERANT
    own = Tolerance(pearson=0.9)
    assert tolerance_of(own) is own
    with pytest.raises(GoldenError, match="'loose' is none of strict, tolerant"):
        tolerance_of("loose")


@pytest.mark.parametrize(
    "limits",
    [
        {"pearson": None, "max_deviation": None},
        {"pearson": 1.1},
        {"pearson": math.nan},
        {"max_deviation": -0.1},
        {"scale_ratio": 0.9},
        {"peak_displacement": -1},
    ],
)
def test_limits_that_cannot_be_meant_are_refused(limits):
    with pytest.raises(GoldenError, match="limit"):
        Tolerance(**limits)
