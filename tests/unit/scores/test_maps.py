"""Scores that look at where a checkpoint looks."""

from __future__ import annotations

import numpy as np
import pytest

from pytest_vlm.evaluation.predictions import Completion, Prediction
from pytest_vlm.evaluation.samples import Message, Region, Sample, Text
from pytest_vlm.heatmap.heatmap import Heatmap
from pytest_vlm.scores import Case, pointing_game

MESSAGE = Message(role="user", parts=(Text(text="?"),))
ANSWER = Completion.parse("7", finish_reason="stop", tokens=1)


def judge(score, heatmap: Heatmap | None, *regions: Region):
    sample = Sample(id="1", messages=(MESSAGE,), regions=regions)
    prediction = Prediction(sample_id="1", completions=(ANSWER,))
    (value,) = score([Case(sample=sample, prediction=prediction, heatmap=heatmap)])
    return value


def hot(row: int, column: int, media: int = 0, size: int = 40) -> Heatmap:
    """A 4x4 map whose largest cell's centre is (10 column + 5, 10 row + 5)."""
    grid = np.full((4, 4), 0.1)
    grid[row, column] = 1
    return Heatmap.of_grid(grid, size=(size, size), method="m", media=media)


@pytest.mark.parametrize(
    ("box", "value"),
    [
        ((20, 10, 30, 20), 1),
        ((25, 15, 26, 16), 1),
        ((24, 14, 25, 16), 0),
        ((24, 14, 26, 15), 0),
        ((25.1, 15, 30, 20), 0),
        ((25, 15.1, 30, 20), 0),
        ((10, 20, 20, 30), 0),
        ((0, 0, 40, 40), 1),
    ],
)
def test_the_largest_cells_centre_lies_in_the_region_or_not(box, value):
    assert judge(pointing_game, hot(1, 2), Region(box=box)).value == value


def test_any_region_will_do():
    regions = Region(box=(0, 0, 1, 1)), Region(box=(20, 10, 30, 20))
    assert judge(pointing_game, hot(1, 2), *regions).value == 1


def test_the_region_of_another_picture_does_not_count():
    box = (20, 10, 30, 20)
    assert judge(pointing_game, hot(1, 2, media=1), Region(box=box, media=1)).value == 1
    assert judge(pointing_game, hot(1, 2, media=1), Region(box=box)).value == 0
    assert judge(pointing_game, hot(1, 2), Region(box=box, frame=1)).value == 0


def test_a_tie_points_nowhere():
    flat = Heatmap.of_grid(np.ones((4, 4)), size=(40, 40), method="m")
    assert judge(pointing_game, flat, Region(box=(0, 0, 40, 40))).value == 0


def test_a_missing_map_is_a_missing_value_not_a_zero():
    value = judge(pointing_game, None, Region(box=(0, 0, 1, 1)))
    assert value.value is None
    assert value.reason == "pointing game raised ValueError: no relevance map was made for '1'"


def test_the_map_of_a_truncated_answer_is_not_judged():
    sample = Sample(id="1", messages=(MESSAGE,), regions=(Region(box=(0, 0, 40, 40)),))
    truncated = Completion.parse("7", finish_reason="length", tokens=1)
    for answer, value in ((ANSWER, 1), (truncated, 0)):
        prediction = Prediction(sample_id="1", completions=(answer, ANSWER))
        case = Case(sample=sample, prediction=prediction, heatmap=hot(1, 2))
        assert pointing_game([case])[0].value == value


def test_applies_to_samples_with_regions_only():
    assert "relevance" in pointing_game.needs
    assert pointing_game.applies_to(
        Sample(id="1", messages=(MESSAGE,), regions=(Region(box=(0,) * 4),))
    )
    assert not pointing_game.applies_to(Sample(id="1", messages=(MESSAGE,), targets=("7",)))
