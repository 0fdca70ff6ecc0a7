"""Boxes and points in the coordinates of each family of models."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_vlm.errors import SettingsError
from pytest_vlm.scores import ScoreValue, iou, iou_at, point_in_box
from pytest_vlm.scores.boxes import overlap
from pytest_vlm.scores.coordinates import (
    FLORENCE,
    FRACTIONS,
    INTERNVL,
    KOSMOS,
    MOLMO,
    PALIGEMMA,
    PIXELS,
    QWEN2_5_VL,
    QWEN2_VL,
    QWEN3_VL,
    qwen2_5_vl,
    smart_resize,
)

SIZE = (400, 200)
REGION = (100.0, 50.0, 300.0, 150.0)
COORDINATE = st.integers(0, 50)
BOXES = st.tuples(COORDINATE, COORDINATE, COORDINATE, COORDINATE).filter(
    lambda box: box[0] < box[2] and box[1] < box[3]
)


@pytest.mark.parametrize(
    ("convention", "answer"),
    [
        (PIXELS, "[100, 50, 300, 150]"),
        (FRACTIONS, "It is at [0.25, 0.25, 0.75, 0.75]."),
        (QWEN2_VL, "the dog(250,250),(750,750)"),
        (INTERNVL, "<ref>dog</ref><box>[[250, 250, 750, 750]]</box>"),
        (QWEN3_VL, '```json\n[{"bbox_2d": [250, 250, 750, 750], "label": "dog"}]\n```'),
        # the picture of 400 x 200 is resized to 392 x 196
        (QWEN2_5_VL, '[{"bbox_2d": [98, 49, 294, 147], "label": "dog"}]'),
        (PALIGEMMA, "<loc0256><loc0256><loc0768><loc0768> dog"),
        (MOLMO, '<point x="50.0" y="50.0" alt="dog">dog</point>'),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_every_family_says_the_same_box_or_its_centre(convention, answer):
    if convention is MOLMO:
        assert convention.boxes(answer, SIZE) == []
    else:
        assert convention.boxes(answer, SIZE) == [pytest.approx(REGION)]
    assert convention.points(answer, SIZE)[0] == pytest.approx((200, 100))


def test_paligemma_says_y_first():
    box = PALIGEMMA.boxes("<loc0000><loc0256><loc0512><loc1023>", (1024, 1024))
    assert box == [(256, 0, 1023, 512)]


def test_bins_of_florence_are_their_middles():
    box = FLORENCE.boxes("dog<loc_0><loc_499><loc_999><loc_999>", SIZE)
    assert box == [pytest.approx((0.2, 99.9, 399.8, 199.9))]


@pytest.mark.parametrize(
    ("patches", "box"),
    [
        # of the processor of Kosmos-2 in transformers, times 32
        ((44, 863), (12.5, 1.5, 31.5, 26.5)),
        ((0, 0), (0, 0, 1, 1)),
        ((5, 9), (5, 0, 10, 1)),
        ((32, 64), (0, 1, 1, 3)),
        ((33, 1023), (1.5, 1.5, 31.5, 31.5)),
    ],
)
def test_patches_of_kosmos(patches, box):
    answer = "".join(f"<patch_index_{patch:04}>" for patch in patches)
    assert KOSMOS.boxes(answer, (32, 32)) == [pytest.approx(box)]


@pytest.mark.parametrize(
    ("size", "resized", "resized_small"),
    [
        # of the processor of Qwen2-VL in transformers 5.23
        ((640, 480), (644, 476), (644, 476)),
        ((64, 64), (56, 56), (448, 448)),
        ((300, 20), (308, 28), (1736, 140)),
        ((4000, 5000), (3192, 4004), (896, 1120)),
        ((1920, 1080), (1932, 1092), (1316, 728)),
        ((401, 13), (336, 28), (2492, 84)),
    ],
)
def test_qwen_resizes_as_its_processor_does(size, resized, resized_small):
    limits = {"multiple": 28, "min_pixels": 3136, "max_pixels": 12845056}
    assert smart_resize(*size, **limits) == resized
    limits |= {"min_pixels": 256 * 784, "max_pixels": 1280 * 784}
    assert smart_resize(*size, **limits) == resized_small


def test_the_pixel_limits_move_the_coordinates():
    answer = "[98, 49, 294, 147]"
    small = qwen2_5_vl(max_pixels=100 * 100)
    assert small.boxes(answer, SIZE) != QWEN2_5_VL.boxes(answer, SIZE)


def test_molmo_points_several():
    text = '<points x1="10" y1="20" x2="30.5" y2="40" alt="dogs">dogs</points><point x="." y="1">'
    assert MOLMO.points(text, (100, 100)) == [(10, 20), (30.5, 40)]


@pytest.mark.parametrize(
    ("answer", "value"),
    [
        ("[100, 50, 300, 150]", 1),
        ("[100, 50, 300, 100]", 0.5),
        ("[200, 50, 400, 150]", 1 / 3),
        ("[0, 0, 50, 50]", 0),
        ("[300, 150, 100, 50]", 0),
        ("[0, 0, 50, 50] or [100, 50, 300, 150]", 0),  # the first box counts
    ],
)
def test_iou(judge, answer, value):
    found = judge(iou(PIXELS), answer, size=SIZE, regions=(REGION,)).value
    assert found == pytest.approx(value)


def test_the_region_that_fits_best_counts(judge):
    regions = ((0.0, 0.0, 10.0, 10.0), REGION)
    assert judge(iou(PIXELS), "[100, 50, 300, 150]", size=SIZE, regions=regions).value == 1


def test_iou_at_a_threshold_is_binary_and_includes_it(judge):
    half = iou_at(0.5, PIXELS)
    assert (half.kind, half.name) == ("binary", "IoU ≥ 0.5 (pixels)")
    for answer, value in (("[100, 50, 300, 100]", 1), ("[100, 50, 300, 99]", 0)):
        assert judge(half, answer, size=SIZE, regions=(REGION,)) == ScoreValue(value=value)
    with pytest.raises(SettingsError, match="at most 1, not 50"):
        iou_at(50, PIXELS)


@pytest.mark.parametrize(
    ("answer", "value"),
    [
        ("(100, 50)", 1),
        ("(299.9, 149.9)", 1),
        ("(300, 100)", 0),
        ("(200, 150)", 0),
        ("[150, 60, 250, 140]", 1),
        ("[0, 0, 50, 50]", 0),
    ],
)
def test_point_in_box(judge, answer, value):
    score = point_in_box(PIXELS)
    assert judge(score, answer, size=SIZE, regions=(REGION,)) == ScoreValue(value=value)


@pytest.mark.parametrize("make", [iou, point_in_box])
@pytest.mark.parametrize("answer", ["at the left", "[1, 2, 3]", "[1e3, 5, 6, 7]", "<box>"])
def test_an_answer_without_coordinates_is_unparsable(judge, make, answer):
    value = judge(make(PIXELS), answer, size=SIZE, regions=(REGION,))
    assert value == ScoreValue(value=0, unparsable=1)


def test_a_region_of_a_picture_that_is_not_there_is_a_missing_value(judge):
    value = judge(iou(PIXELS), "[1, 2, 3, 4]", regions=(REGION,))
    assert value.value is None
    assert "IndexError" in value.reason


@given(BOXES, BOXES)
def test_overlap_is_that_of_counted_pixels(one, other):
    def cells(box):
        return {(x, y) for x in range(box[0], box[2]) for y in range(box[1], box[3])}

    expected = len(cells(one) & cells(other)) / len(cells(one) | cells(other))
    assert overlap(one, other) == pytest.approx(expected)
    assert overlap(one, other) == overlap(other, one)
    assert overlap(one, one) == 1


@pytest.mark.parametrize("convention", [PIXELS, PALIGEMMA, FLORENCE, MOLMO, KOSMOS])
def test_long_hostile_answers_end(convention):
    for piece in ("[1,", "(", "[1,2", '<point x="1" ', "<points ", "<loc0001>", "[ ", "1.", "<"):
        times = 250_000 // len(piece)
        told = convention is PALIGEMMA and piece == "<loc0001>"
        assert len(convention.points(piece * times, SIZE)) == (times // 4 if told else 0)
