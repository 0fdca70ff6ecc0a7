"""Pictures of maps, checked by their pixels."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from pytest_vlm.heatmap.bar import BAR_WIDTH, GAP, with_bar
from pytest_vlm.heatmap.heatmap import Heatmap, grid_boxes
from pytest_vlm.heatmap.rendering import difference, fit_for_review, overlay, png, selection


def grey(width: int = 64, height: int = 64) -> Image.Image:
    return Image.new("RGB", (width, height), (90, 90, 90))


def peaked(row: int, column: int, size: tuple[int, int] = (64, 64)) -> Heatmap:
    grid = np.full((8, 8), 0.2)
    grid[row, column] = 1
    return Heatmap.of_grid(grid, size=size, method="m")


def cells(image: Image.Image) -> np.ndarray:
    """(8, 8, 3) colours at the centres of the map's cells, the colour bar left out."""
    pixels = np.asarray(image, dtype=int)[:, : -(BAR_WIDTH + GAP)]
    height, width = pixels.shape[:2]
    return pixels[height // 16 :: height // 8, width // 16 :: width // 8]


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((64, 64), (256, 256)),
        ((300, 240), (300, 240)),
        ((30, 300), (60, 600)),
        ((1, 1), (224, 224)),
        ((768, 10), (768, 10)),
        ((1536, 1024), (768, 512)),
        ((4000, 4000), (768, 768)),
    ],
)
def test_pictures_grow_by_a_whole_factor_or_shrink_to_be_looked_at(size, expected):
    assert fit_for_review(Image.new("RGB", size)).size == expected


@pytest.mark.parametrize("size", [(64, 64), (64, 32), (320, 240), (1600, 800)])
def test_an_overlay_is_rgb_and_as_large_as_the_picture_with_its_bar(size):
    image = overlay(Image.new("RGB", size), peaked(1, 1, size))
    width, height = fit_for_review(Image.new("RGB", size)).size
    assert (image.mode, image.size) == ("RGB", (width + GAP + BAR_WIDTH, height))


@pytest.mark.parametrize(("row", "column"), [(0, 0), (2, 5), (7, 7)])
def test_the_brightest_cell_is_the_peak(row, column):
    brightness = cells(overlay(grey(), peaked(row, column))).sum(axis=-1)
    assert np.unravel_index(brightness.argmax(), brightness.shape) == (row, column)
    assert (brightness == brightness.max()).sum() == 1


def test_a_common_scale_makes_maps_comparable():
    half = Heatmap.of_grid(np.full((8, 8), 0.5), size=(64, 64), method="m")
    own, common = (cells(overlay(grey(), half, top=top)).sum() for top in (None, 1.0))
    assert common < own


def test_a_map_without_mass_is_dark_everywhere():
    nothing = Heatmap.of_grid(np.zeros((8, 8)), size=(64, 64), method="m")
    colours = cells(overlay(grey(), nothing))
    assert (colours == colours[0, 0]).all()
    assert colours.sum() < cells(overlay(grey(), peaked(0, 0))).sum()


def test_only_the_first_picture_is_drawn_on():
    one = peaked(2, 2)
    both = Heatmap.of_cells(
        np.concatenate([one.values, one.values[::-1]]),
        np.concatenate([one.boxes, one.boxes]),
        method="m",
        media=[0] * 64 + [1] * 64,
    )
    assert overlay(grey(), both).tobytes() == overlay(grey(), one).tobytes()


def test_the_difference_of_equal_maps_is_neutral():
    colours = cells(difference(grey(), peaked(2, 5), peaked(2, 5)))
    assert (colours == colours[0, 0]).all()
    assert len(set(colours[0, 0])) == 1


def test_scale_alone_makes_no_difference():
    larger = Heatmap.of_grid(3 * peaked(2, 5).values.reshape(8, 8), size=(64, 64), method="m")
    colours = cells(difference(grey(), peaked(2, 5), larger))
    assert (np.ptp(colours, axis=-1) <= 1).all()


def test_more_is_red_and_less_is_blue():
    colours = cells(difference(grey(), peaked(2, 5), peaked(6, 1)))
    red, blue = colours[6, 1], colours[2, 5]
    assert red[0] > red[2] + 50
    assert blue[2] > blue[0] + 50


def test_png_keeps_every_pixel():
    image = overlay(grey(), peaked(2, 5))
    assert Image.open(io.BytesIO(png(image))).tobytes() == image.tobytes()


def bar(image: Image.Image) -> np.ndarray:
    """(height, 3) colours of the bar, at its left edge where no number stands."""
    return np.asarray(image, dtype=int)[:, -BAR_WIDTH]


def numbers(image: Image.Image) -> tuple[bool, bool, bool]:
    """Whether something is written on the bar's top, middle and bottom."""
    column = np.asarray(image, dtype=int)[:, -BAR_WIDTH:]
    written = (np.abs(column - column[:, :1]).sum(axis=-1) > 100).any(axis=1)
    return tuple(bool(part.any()) for part in np.array_split(written, 3))


def test_without_opacity_the_picture_stays():
    picture = Image.effect_noise((64, 64), 60).convert("RGB")
    image = overlay(picture, peaked(2, 5), opacity=0)
    seen = fit_for_review(picture).convert("L").convert("RGB")
    assert image.crop((0, 0, *seen.size)).tobytes() == seen.tobytes()


def test_the_less_opaque_the_more_of_the_picture_is_seen():
    picture = Image.effect_noise((64, 64), 60).convert("RGB")
    spreads = [
        cells(overlay(picture, peaked(2, 5), opacity=opacity)).std() for opacity in (0, 0.5, 1)
    ]
    grey_only = [np.ptp(cells(overlay(grey(), peaked(2, 5), opacity=o))) for o in (0, 0.5, 1)]
    assert grey_only == sorted(grey_only)
    assert grey_only[0] == 0
    assert spreads[0] > 0


def test_small_values_hide_less_of_the_picture_than_large_ones():
    halves = Heatmap.of_grid([[0.1, 1]], size=(64, 64), method="m")
    black, white = (
        np.asarray(overlay(Image.new("RGB", (64, 64), colour), halves), dtype=int)
        for colour in ("black", "white")
    )
    seen = np.abs(white - black).sum(axis=-1)
    assert seen[128, 64] > 2 * seen[128, 192] > 0


def test_bilinear_is_smooth_between_centres_and_the_same_at_them():
    ramp = Heatmap.of_grid([[0, 1]], size=(224, 224), method="m")
    steps, smooth = (
        np.asarray(overlay(grey(224, 224), ramp, interpolation=kind), dtype=int)[112, :224]
        for kind in ("nearest", "bilinear")
    )
    assert len(np.unique(steps, axis=0)) == 2
    assert len(np.unique(smooth, axis=0)) > 50
    assert np.abs(smooth[[55, 168]] - steps[[55, 168]]).max() <= 6
    assert (np.diff(smooth[:, 0]) >= 0).all()


def test_the_bar_tells_top_and_zero_of_an_overlay_and_both_ends_of_a_difference():
    assert numbers(overlay(grey(), peaked(2, 5))) == (True, False, True)
    assert numbers(difference(grey(), peaked(2, 5), peaked(6, 1))) == (True, True, True)


def test_numbers_are_dark_on_bright_colours_and_bright_on_dark_ones():
    pixels = np.asarray(overlay(grey(), peaked(2, 5)), dtype=int)[:, -BAR_WIDTH:].sum(axis=-1)
    assert pixels[:30].min() < 100
    assert pixels[-30:].max() > 700


def test_the_bars_number_is_that_of_the_scale():
    one, two, same = (
        overlay(grey(), peaked(2, 5), top=top).crop((256 + GAP, 0, 256 + GAP + BAR_WIDTH, 40))
        for top in (1.0, 2.0, 1.0)
    )
    assert one.tobytes() == same.tobytes() != two.tobytes()


@pytest.mark.parametrize("size", [(64, 64), (12, 700), (700, 12), (1600, 800)])
def test_the_bar_is_as_high_as_the_picture_and_ends_in_the_colours_of_the_map(size):
    image = overlay(Image.new("RGB", size, (128, 128, 128)), peaked(0, 0, size))
    height = fit_for_review(Image.new("RGB", size)).height
    assert bar(image).shape == (height, 3)
    assert np.abs(bar(image)[0] - np.asarray(image, dtype=int)[0, 0]).max() <= 2


def test_the_bar_brightens_towards_the_top():
    luminance = bar(overlay(grey(), peaked(2, 5))) @ (0.299, 0.587, 0.114)
    assert luminance[0] > luminance[len(luminance) // 2] > 0
    assert luminance[0] == luminance.max()


def test_more_of_a_value_is_never_less_bright():
    ramp = Heatmap.of_grid(np.linspace(0, 1, 64).reshape(8, 8), size=(64, 64), method="m")
    luminance = cells(overlay(Image.new("RGB", (64, 64)), ramp)) @ (0.299, 0.587, 0.114)
    assert (np.diff(luminance.ravel()) > 0).all()


def test_what_is_larger_than_the_top_has_its_colour():
    above = overlay(grey(), peaked(2, 5), top=0.5)
    colours = cells(above)
    assert (colours[2, 5] >= colours[0, 0]).all()
    assert np.abs(colours[2, 5] - cells(overlay(grey(), peaked(2, 5)))[2, 5]).max() == 0


@pytest.mark.parametrize(("top", "marked"), [(0.5, True), (0.999, False), (1.0, False), (2, False)])
def test_the_bar_marks_that_something_is_larger_than_its_top(top, marked):
    """A scale that a map does not reach is drawn by a fainter map, with the same number."""
    faint = Heatmap.of_grid(np.full((8, 8), 0.1), size=(64, 64), method="m")
    written, plain = (
        overlay(grey(), one, top=top).crop((256 + GAP, 0, 256 + GAP + BAR_WIDTH, 40)).tobytes()
        for one in (peaked(2, 5), faint)
    )
    assert (written != plain) is marked


def test_what_another_picture_holds_is_not_marked_on_this_one():
    boxes = [(0, 0, 64, 64)] * 2
    here, both = (
        Heatmap.of_cells(values, boxes[: len(values)], method="m", media=range(len(values)))
        for values in ([1.0], [1.0, 9.0])
    )
    drawn = [overlay(grey(), one, top=1.0).tobytes() for one in (here, both)]
    assert drawn[0] == drawn[1]


def tiles_on_a_thumbnail(tile: float) -> Heatmap:
    """A thumbnail over all, and a fine tile in the upper left quarter; it comes first."""
    boxes = np.concatenate([grid_boxes((4, 4), (0, 0, 32, 32)), grid_boxes((4, 4), (0, 0, 64, 64))])
    thumbnail = np.full(16, 0.1)
    thumbnail[5] = 1  # the peak, below the tile
    return Heatmap.of_cells(np.concatenate([np.full(16, tile), thumbnail]), boxes, method="m")


@pytest.mark.parametrize("interpolation", ["nearest", "bilinear"])
def test_a_tile_does_not_hide_the_peak_of_the_thumbnail(interpolation):
    colours = cells(overlay(grey(), tiles_on_a_thumbnail(0.3), interpolation=interpolation))
    brightness = colours.sum(-1, dtype=int)
    assert brightness[2:4, 2:4].min() > brightness[:2, :4].max()
    assert brightness[:2, :2].min() > brightness[4:, 4:].max()


@pytest.mark.parametrize("interpolation", ["nearest", "bilinear"])
def test_outside_the_map_the_picture_is_untouched(interpolation):
    part = Heatmap.of_cells(np.ones(4), grid_boxes((2, 2), (16, 16, 48, 48)), method="m")
    colours = cells(overlay(grey(), part, interpolation=interpolation))
    assert (colours[:, [0, 1, 6, 7]] == 90).all()
    assert (colours[[0, 1, 6, 7]] == 90).all()
    assert (colours[2:6, 2:6] != 90).any(axis=-1).all()


def test_cells_beyond_the_picture_are_cut_off():
    wide = Heatmap.of_cells([1, 0.5], [[-32, -32, 32, 96], [32, -32, 96, 96]], method="m")
    colours = cells(overlay(grey(), wide))
    assert (colours[:, :4] == colours[0, 0]).all()
    assert (colours[:, 4:] == colours[0, 7]).all()
    assert (colours[0, 0] != colours[0, 7]).any()


def test_a_differences_bar_is_symmetric_and_reaches_the_largest_deviation():
    image = difference(Image.new("RGB", (64, 64), (128,) * 3), peaked(2, 5), peaked(6, 1))
    ends = bar(image)[[0, -1]]
    colours = cells(image)
    assert np.abs(colours[6, 1] - ends[0]).max() <= 3
    assert np.abs(colours[2, 5] - ends[1]).max() <= 3
    middle = bar(image)[len(bar(image)) // 2]
    assert np.ptp(middle) <= 3


def test_noise_stays_pale():
    golden = peaked(2, 5)
    noise = 1 + 0.01 * np.random.default_rng(0).standard_normal(64)
    noisy = Heatmap.of_cells(golden.values * noise, golden.boxes, method="m")
    assert np.ptp(cells(difference(grey(), golden, noisy)), axis=-1).max() < 40


def test_maps_of_other_cells_have_no_difference():
    other = Heatmap.of_grid(np.ones((4, 4)), size=(64, 64), method="m")
    with pytest.raises(ValueError, match="64 and 16 cells have no difference"):
        difference(grey(), peaked(2, 5), other)


BOXES = grid_boxes((4, 4), (0, 0, 64, 64))


def patches(image: Image.Image) -> np.ndarray:
    """(4, 4, 3) colours at the centres of the patches."""
    return np.asarray(image, dtype=int)[32::64, 32::64]


def test_rejected_patches_are_red_and_kept_ones_as_they_are():
    kept = np.zeros(16, dtype=bool)
    kept[[0, 6, 15]] = True
    colours = patches(selection(grey(), BOXES, kept)).reshape(16, 3)
    assert (colours[kept] == 90).all()
    assert (colours[~kept][:, 0] > colours[~kept][:, 2] + 50).all()


def test_red_lets_the_picture_through():
    picture = Image.effect_noise((64, 64), 80).convert("RGB")
    pixels = np.asarray(selection(picture, BOXES, []), dtype=int)
    seen = np.asarray(fit_for_review(picture), dtype=int)
    assert np.corrcoef(pixels[..., 1].ravel(), seen[..., 1].ravel())[0, 1] > 0.99


@pytest.mark.parametrize("colour", ["white", "black", (214, 40, 40)])
def test_kept_patches_are_outlined_on_any_ground(colour):
    image = selection(Image.new("RGB", (64, 64), colour), BOXES, [5])
    pixels = np.asarray(image, dtype=int)
    line = pixels[96, 62:76].sum(axis=-1)  # across the left edge of the patch, at pixel 64
    assert np.abs(np.diff(line)).max() > 200
    assert pixels[64:128, 64].tolist() == [[255] * 3] * 64
    assert patches(image)[1, 1].tolist() == list(Image.new("RGB", (1, 1), colour).getpixel((0, 0)))


def test_kept_patches_are_given_by_answer_or_by_number():
    mask = np.isin(np.arange(16), [1, 2])
    assert selection(grey(), BOXES, mask).tobytes() == selection(grey(), BOXES, [2, 1]).tobytes()


@pytest.mark.parametrize(
    ("kept", "message"),
    [
        ([16], "numbered from 0 to 15"),
        ([-1], "numbered from 0 to 15"),
        (np.ones(15, dtype=bool), "16 patches need as many answers"),
    ],
)
def test_a_choice_that_does_not_fit_the_patches_is_refused(kept, message):
    with pytest.raises(ValueError, match=message):
        selection(grey(), BOXES, kept)


def test_what_lies_outside_all_patches_is_neither_kept_nor_rejected():
    image = selection(grey(), grid_boxes((2, 2), (0, 0, 32, 32)), [])
    assert (patches(image)[2:, 2:] == 90).all()


@pytest.mark.parametrize("level", [0, 90, 255])
def test_regions_are_outlined_on_any_ground(level):
    picture = Image.new("L", (64, 64), level)
    plain = np.asarray(overlay(picture, peaked(2, 5)), dtype=int)
    drawn = np.asarray(overlay(picture, peaked(2, 5), regions=[[16, 32, 48, 64]]), dtype=int)
    changed = (drawn != plain).any(axis=-1)
    factor = plain.shape[0] // 64
    rows, columns = (np.flatnonzero(changed.any(axis=axis)) for axis in (1, 0))
    assert (columns.min() // factor, columns.max() // factor) == (16, 47)
    assert (rows.min() // factor, rows.max() // factor) == (32, 63)
    assert not changed[36 * factor : 60 * factor, 20 * factor : 44 * factor].any()
    edge = drawn[48 * factor, 16 * factor : 17 * factor].sum(axis=-1)
    assert edge.min() < 100
    assert edge.max() > 700


@pytest.mark.parametrize(
    "box", [[-9, -9, 99, 99], [3, 3, 3, 3], [63.9, 63.9, 64, 64], [0, 0, 1, 1]]
)
def test_a_region_of_any_size_can_be_outlined(box):
    assert overlay(grey(), peaked(2, 5), regions=[box]).mode == "RGB"


@pytest.mark.parametrize(("height", "numbers"), [(8, 0), (20, 1), (38, 2), (60, 3)])
def test_numbers_that_have_no_room_beside_a_flat_picture_are_left_away(height, numbers):
    colours = np.full((height, 1, 3), 255, np.float32)
    framed = np.asarray(with_bar(Image.new("RGB", (9, height)), colours, ("8", "8", "8")))
    inked = (framed[:, -BAR_WIDTH:] < 100).all(axis=-1).any(axis=1)
    assert int((np.diff(inked.astype(int), prepend=0) == 1).sum()) == numbers
