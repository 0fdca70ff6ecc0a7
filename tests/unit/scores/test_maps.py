"""Scores that look at where a checkpoint looks."""

from __future__ import annotations

import numpy as np
import pytest

from pytest_vlm.errors import SettingsError
from pytest_vlm.evaluation.predictions import Completion, Prediction
from pytest_vlm.evaluation.samples import Image, Message, Region, Sample, Text
from pytest_vlm.heatmap.heatmap import Heatmap, grid_boxes
from pytest_vlm.scores import (
    Case,
    coverage,
    coverage_at_top_k,
    last_number,
    map_agreement,
    map_entropy,
    mass_inside,
    pointing_game,
    pointing_game_within,
)

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
    for score in (pointing_game, mass_inside, coverage_at_top_k, map_entropy):
        value = judge(score, None, Region(box=(0, 0, 1, 1)))
        assert value.value is None
        reason = f"{score.name} raised ValueError: no relevance map was made for '1'"
        assert value.reason == reason


def test_the_map_of_a_truncated_answer_is_not_judged():
    sample = Sample(id="1", messages=(MESSAGE,), regions=(Region(box=(0, 0, 40, 40)),))
    truncated = Completion.parse("7", finish_reason="length", tokens=1)
    for answer, value in ((ANSWER, 1), (truncated, 0)):
        prediction = Prediction(sample_id="1", completions=(answer, ANSWER))
        case = Case(sample=sample, prediction=prediction, heatmap=hot(1, 2))
        assert pointing_game([case])[0].value == value


def test_applies_to_samples_with_a_picture_and_regions_only():
    pictured = Message(role="user", parts=(Image(source="1.png"), Text(text="?")))
    regions = (Region(box=(0,) * 4),)
    assert pointing_game.applies_to(Sample(id="1", messages=(pictured,), regions=regions))
    assert not pointing_game.applies_to(Sample(id="1", messages=(pictured,), targets=("7",)))
    assert not pointing_game.applies_to(Sample(id="1", messages=(MESSAGE,), regions=regions))
    assert map_entropy.applies_to(Sample(id="1", messages=(pictured,)))
    assert not map_entropy.applies_to(Sample(id="1", messages=(MESSAGE,)))


EVEN = Heatmap.of_grid(np.ones((4, 4)), size=(40, 40), method="m")
NOTHING = Heatmap.of_grid(np.zeros((4, 4)), size=(40, 40), method="m")
WHOLE = Region(box=(0, 0, 40, 40))


def with_thumbnail(tiles: list[float], thumbnail: float) -> Heatmap:
    """Four tiles of a cell each, and one cell over all of them."""
    boxes = np.concatenate([grid_boxes((2, 2), (0, 0, 40, 40)), [[0, 0, 40, 40]]])
    return Heatmap.of_cells([*tiles, thumbnail], boxes, method="m")


@pytest.mark.parametrize(
    ("pixels", "box", "value"),
    [
        (0, (20, 10, 30, 20), 1),
        (0, (26, 10, 30, 20), 0),
        (1, (26, 10, 30, 20), 1),
        (5, (28, 19, 30, 30), 1),
        (4.9, (28, 19, 30, 30), 0),
        (5, (10, 0, 22, 11), 1),
        (4.9, (10, 0, 22, 11), 0),
    ],
)
def test_a_tolerance_in_pixels_is_the_distance_to_the_region(pixels, box, value):
    score = pointing_game_within(pixels)
    assert judge(score, hot(1, 2), Region(box=box)).value == value
    assert judge(score, hot(1, 2, media=1), Region(box=box)).value == 0


@pytest.mark.parametrize("pixels", [-1, np.inf, np.nan])
def test_a_tolerance_that_is_none_is_refused(pixels):
    with pytest.raises(SettingsError, match="tolerance of the pointing game"):
        pointing_game_within(pixels)


@pytest.mark.parametrize(
    ("box", "value"),
    [
        ((0, 0, 40, 40), 1),
        ((0, 0, 20, 40), 0.5),
        ((0, 0, 5, 5), 1 / 64),
        ((5, 5, 15, 15), 1 / 16),
        ((-100, -100, 10, 10), 1 / 16),
        ((50, 50, 60, 60), 0),
        ((7, 7, 7, 30), 0),
    ],
)
def test_of_an_even_map_the_mass_inside_is_the_share_of_the_area(box, value):
    assert judge(mass_inside, EVEN, Region(box=box)).value == pytest.approx(value)


def test_mass_is_weighed_by_the_cells_values():
    value = judge(mass_inside, hot(1, 2), Region(box=(20, 10, 30, 20))).value
    assert value == pytest.approx(1 / 2.5)


def test_regions_that_overlap_are_counted_once():
    regions = [Region(box=(0, 0, 20, 20)), Region(box=(10, 0, 30, 20)), Region(box=(0, 0, 30, 20))]
    assert judge(mass_inside, EVEN, *regions).value == pytest.approx(600 / 1600)
    assert judge(coverage_at_top_k, EVEN, *regions).value == pytest.approx(6 / 16)


def test_thumbnail_and_tile_each_give_the_mass_that_they_have_inside():
    heatmap = with_thumbnail([3, 0, 1, 0], 4)
    assert judge(mass_inside, heatmap, Region(box=(0, 0, 20, 20))).value == pytest.approx(4 / 8)


def test_regions_in_several_pictures_count_together():
    boxes = np.concatenate([grid_boxes((1, 2), (0, 0, 40, 40))] * 2)
    heatmap = Heatmap.of_cells([1, 2, 3, 4], boxes, media=[0, 0, 1, 1], method="m")
    regions = [Region(box=(0, 0, 20, 40)), Region(box=(20, 0, 40, 40), media=1)]
    assert judge(mass_inside, heatmap, *regions).value == pytest.approx(5 / 10)
    assert judge(coverage(1), heatmap, *regions).value == pytest.approx(1 / 2)
    assert judge(coverage(1), heatmap, regions[0]).value == 0
    unseen = Region(box=(0, 0, 20, 40), media=2)
    assert judge(coverage(1), heatmap, regions[1], unseen).value == pytest.approx(1 / 2)


@pytest.mark.parametrize("score", [mass_inside, coverage(16), pointing_game_within(50)])
def test_the_region_of_another_frame_holds_nothing(score):
    assert judge(score, hot(1, 2), WHOLE).value == pytest.approx(1)
    assert judge(score, hot(1, 2), Region(box=WHOLE.box, frame=1)).value == 0


@pytest.mark.parametrize(
    ("k", "value"), [(1, 0.25), (2, 0.5), (3, 0.75), (4, 0.75), (5, 1), (16, 1), (99, 1)]
)
def test_coverage_is_the_regions_share_under_the_most_relevant_cells(k, value):
    values = np.zeros((4, 4))
    values[0, 0], values[0, 1], values[1, 0], values[3, 3], values[1, 1] = 9, 8, 7, 6, 5
    values += 0.01 * np.arange(16).reshape(4, 4)
    heatmap = Heatmap.of_grid(values, size=(40, 40), method="m")
    assert judge(coverage(k), heatmap, Region(box=(0, 0, 20, 20))).value == pytest.approx(value)


def test_by_default_as_many_cells_count_as_the_region_touches():
    values = np.arange(16).reshape(4, 4)
    heatmap = Heatmap.of_grid(values, size=(40, 40), method="m")
    assert judge(coverage_at_top_k, heatmap, Region(box=(0, 30, 40, 40))).value == 1
    assert judge(coverage_at_top_k, heatmap, Region(box=(0, 0, 40, 10))).value == 0
    assert judge(coverage_at_top_k, heatmap, Region(box=(25, 35, 35, 40))).value == 1
    assert judge(coverage_at_top_k, heatmap, Region(box=(5, 35, 15, 40))).value == 0
    # cells 15, 14, 13, 12 are the largest four; 10, 11, 14, 15 touch the region
    assert judge(coverage_at_top_k, heatmap, Region(box=(25, 25, 40, 40))).value == pytest.approx(
        150 / 225
    )
    assert judge(coverage_at_top_k, heatmap, WHOLE).value == 1


def test_cells_that_tie_count_in_part_wherever_they_lie():
    for box in ((0, 0, 20, 20), (20, 20, 40, 40)):
        assert judge(coverage_at_top_k, EVEN, Region(box=box)).value == pytest.approx(4 / 16)
        assert judge(coverage(8), EVEN, Region(box=box)).value == pytest.approx(8 / 16)


def test_what_thumbnail_and_tile_both_cover_is_covered_once():
    heatmap = with_thumbnail([3, 2, 1, 0], 4)
    assert judge(coverage(1), heatmap, WHOLE).value == 1
    assert judge(coverage(1), with_thumbnail([3, 2, 1, 0], 2.5), WHOLE).value == pytest.approx(0.25)
    assert judge(coverage(2), with_thumbnail([3, 2, 1, 0], 2.5), WHOLE).value == 1


def test_a_region_without_area_has_no_coverage():
    value = judge(coverage(), EVEN, Region(box=(5, 5, 5, 9)))
    assert value.value is None
    assert "the regions of '1' have no area" in value.reason


@pytest.mark.parametrize("k", [0, -3])
def test_coverage_needs_a_cell(k):
    with pytest.raises(SettingsError, match="K at least 1"):
        coverage(k)


def test_an_even_map_has_the_largest_entropy_and_a_single_cell_none():
    assert judge(map_entropy, EVEN).value == pytest.approx(1)
    one = np.zeros((4, 4))
    one[2, 1] = 5
    assert judge(map_entropy, Heatmap.of_grid(one, size=(40, 40), method="m")).value == 0
    two = np.zeros((4, 4))
    two[2, 1] = two[0, 0] = 5
    found = judge(map_entropy, Heatmap.of_grid(two, size=(40, 40), method="m")).value
    assert found == pytest.approx(np.log(2) / np.log(16))


def test_a_map_of_one_cell_is_focused():
    assert judge(map_entropy, Heatmap.of_grid([[3]], size=(40, 40), method="m")).value == 0


@pytest.mark.parametrize("score", [mass_inside, map_entropy, coverage_at_top_k, pointing_game])
def test_a_map_without_mass_is_the_worst_or_no_better_than_chance(score):
    value = judge(score, NOTHING, Region(box=(0, 0, 20, 20))).value
    assert value == (0.25 if score is coverage_at_top_k else score.worst)


@pytest.mark.parametrize("score", [mass_inside, coverage_at_top_k, map_entropy, coverage(3)])
def test_scale_does_not_matter(score):
    random = np.random.default_rng(0).random((4, 4)).astype(np.float32)
    box = Region(box=(3, 4, 25, 31))
    one, other = (
        judge(score, Heatmap.of_grid(random * k, size=(40, 40), method="m"), box).value
        for k in (1, 256)
    )
    assert 0 < one < 1
    assert other == pytest.approx(one)


@pytest.mark.parametrize(
    ("score", "kind", "better"),
    [
        (mass_inside, "bounded", "higher"),
        (coverage(3), "bounded", "higher"),
        (coverage_at_top_k, "bounded", "higher"),
        (map_entropy, "bounded", "lower"),
        (pointing_game_within(15), "binary", "higher"),
    ],
)
def test_kind_and_direction(score, kind, better):
    assert (score.kind, score.better, score.bounds) == (kind, better, (0, 1))
    assert "relevance" in score.needs
    taken = score.extracting(last_number)
    assert (taken.kind, taken.better, taken.extraction) == (kind, better, (last_number,))


def test_settings_tell_scores_apart():
    pointing = [pointing_game_within(1), pointing_game_within(2)]
    scores = [coverage(), coverage(3), coverage(4), *pointing]
    assert len({score.name for score in scores}) == len(scores)
    assert len({score.identity for score in scores}) == len(scores)


def test_what_is_extracted_is_what_is_judged():
    sample = Sample(id="1", messages=(MESSAGE,), regions=(WHOLE,))
    wordy = Completion.parse("none", finish_reason="stop", tokens=1)
    case = Case(
        sample=sample,
        prediction=Prediction(sample_id="1", completions=(wordy,)),
        heatmap=hot(1, 2),
    )
    assert mass_inside([case])[0].value == pytest.approx(1)
    (unread,) = mass_inside.extracting(last_number)([case])
    assert (unread.value, unread.unparsable) == (0, 1)


def agreement(heatmap: Heatmap | None, baseline: Heatmap | None):
    prediction = Prediction(sample_id="1", completions=(ANSWER,))
    sample = Sample(id="1", messages=(MESSAGE,))
    case = Case(sample=sample, prediction=prediction, heatmap=heatmap, baseline=baseline)
    (value,) = map_agreement([case])
    return value


def test_agreement_is_the_correlation_with_the_baselines_map():
    random = np.random.default_rng(0)
    one, other = random.random((2, 4, 4))
    maps = [Heatmap.of_grid(grid, size=(40, 40), method="m") for grid in (one, one + other)]
    expected = np.corrcoef(one.ravel(), (one + other).ravel())[0, 1]
    assert agreement(*maps).value == pytest.approx(expected, abs=1e-6)
    assert agreement(maps[0], maps[0]).value == 1


def test_opposed_maps_agree_no_more_than_unrelated_ones():
    grid = np.random.default_rng(0).random((4, 4))
    maps = [Heatmap.of_grid(one, size=(40, 40), method="m") for one in (grid, 1 - grid)]
    assert agreement(*maps).value == 0


@pytest.mark.parametrize(
    ("heatmap", "baseline", "reason"),
    [
        (None, hot(1, 2), "no relevance map was made for '1'"),
        (hot(1, 2), None, "there is no map of the baseline for '1'"),
        (hot(1, 2), hot(1, 2, size=80), "do not have the same cells"),
        (hot(1, 2), hot(1, 2, media=1), "do not have the same cells"),
    ],
)
def test_maps_that_cannot_be_compared_have_no_agreement(heatmap, baseline, reason):
    value = agreement(heatmap, baseline)
    assert value.value is None
    assert reason in value.reason
