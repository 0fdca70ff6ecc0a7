"""Pictures of maps, checked by their pixels."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from pytest_vlm.heatmap.heatmap import Heatmap
from pytest_vlm.heatmap.rendering import BAR_WIDTH, difference, fit_for_review, overlay, png

GAP = 4


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
