"""What a person looks at: marks that no content can be taken for, and nothing lost."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from pytest_vlm.golden.images.comparison import Box, compare_pixels
from pytest_vlm.golden.images.pixels import Pixels
from pytest_vlm.golden.images.rendering import (
    CHECKERBOARD,
    DIFFERS,
    FRAME,
    IGNORED,
    LARGEST_EDGE,
    PADDED,
    SMALLEST_EDGE,
    review_pictures,
)


def pixels(values: np.ndarray, kind: str = "any") -> Pixels:
    return Pixels(kind=kind, values=values if values.ndim == 3 else values[..., None])


def drawn(golden: Pixels, other: Pixels, *ignored: Box) -> dict[str, np.ndarray]:
    found = compare_pixels(golden, other, ignored=ignored)
    shown = review_pictures(golden, other, found)
    assert {image.mode for image in shown.values()} == {"RGB"}
    assert len({image.size for image in shown.values()}) == 1
    return {key: np.asarray(image) for key, image in shown.items()}


def noise(shape: tuple[int, ...]) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def coloured(image: np.ndarray, colour: tuple[int, int, int]) -> np.ndarray:
    return (image == colour).all(axis=-1)


def test_what_differs_is_red_and_framed_on_pale_grey():
    values = noise((300, 300, 3))
    changed = values.copy()
    changed[100:107, 50:57] = 255 - changed[100:107, 50:57]
    shown = drawn(pixels(values), pixels(changed))
    assert np.array_equal(shown["golden"], values)
    assert np.array_equal(shown["candidate"], changed)
    difference = shown["difference"]
    red = coloured(difference, DIFFERS)
    assert np.array_equal(red, (values != changed).any(axis=-1))
    frame = coloured(difference, FRAME)
    assert frame.sum() == 11**2 - 7**2
    assert frame[98:109, 48:59].sum() == frame.sum()
    rest = difference[~red & ~frame]
    assert (rest.max(axis=-1) == rest.min(axis=-1)).all()
    assert rest.min() >= 127


def test_what_is_ignored_stays_visible_and_is_hatched():
    values = np.full((300, 300, 3), 255, np.uint8)
    values[20:40, 20:40] = 0
    changed = values.copy()
    changed[10:60, 10:60] = 90
    changed[200, 200] = 0
    difference = drawn(pixels(values), pixels(changed), (10, 10, 60, 60))["difference"]
    part = difference[10:60, 10:60]
    stripes = coloured(part, IGNORED.stripe)
    assert 0.15 < stripes.mean() < 0.35
    assert not coloured(part, DIFFERS).any()
    below = part[10:30, 10:30][~stripes[10:30, 10:30]]
    beside = part[30:, 30:][~stripes[30:, 30:]]
    assert below.max(axis=0).tolist() < beside.min(axis=0).tolist()
    assert coloured(difference, IGNORED.stripe).sum() == stripes.sum()
    assert coloured(difference, DIFFERS).sum() == 1


@pytest.mark.parametrize("level", [0, 255])
def test_padding_is_hatched_and_no_content(level):
    small = pixels(np.full((128, 128, 3), level, np.uint8))
    large = pixels(np.full((256, 256, 3), level, np.uint8))
    shown = drawn(small, large)
    for key in ("golden", "difference"):
        padded = np.ones((256, 256), bool)
        padded[:128, :128] = False
        stripes = coloured(shown[key], PADDED.stripe)
        assert 0.15 < stripes[padded].mean() < 0.35
        assert not stripes[~padded].any()
        red, green, blue = shown[key][padded & ~stripes].T
        assert (red == blue).all()
        assert (green < red).all()
    assert (shown["candidate"] == level).all()
    assert not coloured(shown["difference"], DIFFERS).any()


def test_what_only_one_picture_has_shines_through_the_padding():
    golden = np.full((100, 300), 255, np.uint8)
    other = np.full((300, 300), 255, np.uint8)
    other[200:220] = 0
    difference = drawn(pixels(golden), pixels(other))["difference"]
    between = ~coloured(difference, PADDED.stripe)
    assert difference[200:220][between[200:220]].max() < difference[220:][between[220:]].max()


def test_what_differs_in_the_part_that_both_sizes_have_is_marked():
    golden = np.zeros((300, 260), np.uint8)
    other = np.zeros((260, 300), np.uint8)
    other[40, 30] = 255
    difference = drawn(pixels(golden), pixels(other))["difference"]
    assert np.argwhere(coloured(difference, DIFFERS)).tolist() == [[40, 30]]
    assert coloured(difference, PADDED.stripe)[260:, 260:].any()


def test_small_pictures_are_enlarged_by_a_whole_factor():
    values = noise((32, 32))
    changed = values.copy()
    changed[9, 20] ^= 255
    shown = drawn(pixels(values), pixels(changed))
    assert shown["golden"].shape == (SMALLEST_EDGE, SMALLEST_EDGE, 3)
    assert np.array_equal(shown["golden"][::8, ::8, 0], values)
    red = coloured(shown["difference"], DIFFERS)
    assert red.sum() == 64
    assert red[72:80, 160:168].all()


def test_a_thin_picture_keeps_to_the_largest_edge():
    thin = pixels(noise((3, 1500)))
    assert drawn(thin, thin)["golden"].shape == (3, 1500, 3)


def test_one_pixel_of_a_large_picture_is_still_marked():
    values = np.full((1000, 3301, 3), 200, np.uint8)
    changed = values.copy()
    changed[777, 3300] = 201
    shown = drawn(pixels(values), pixels(changed))
    height, width, _ = shown["difference"].shape
    assert max(height, width) <= LARGEST_EDGE
    assert np.argwhere(coloured(shown["difference"], DIFFERS)).tolist() == [[259, 1100]]


def test_transparency_is_shown_over_a_checkerboard():
    opaque = np.dstack([noise((256, 256, 3)), np.full((256, 256), 255, np.uint8)])
    clear = opaque.copy()
    clear[:, 128:, 3] = 0
    shown = drawn(pixels(opaque), pixels(clear))
    assert np.array_equal(shown["golden"], opaque[..., :3])
    assert np.array_equal(shown["candidate"][:, :128], opaque[:, :128, :3])
    assert set(np.unique(shown["candidate"][:, 128:])) == set(CHECKERBOARD)
    assert coloured(shown["difference"], DIFFERS)[:, 128:].sum() > 0.9 * 128 * 256


def test_16_bits_and_grey_with_alpha_are_shown_by_8():
    values = np.full((256, 256, 2), 65535, np.uint16)
    values[..., 0] = 0x1234
    (shown,) = review_pictures(None, pixels(values)).values()
    assert np.unique(np.asarray(shown)).tolist() == [0x12]


def test_without_a_golden_there_is_the_candidate_alone():
    assert list(review_pictures(None, pixels(noise((8, 8))))) == ["candidate"]


def test_two_kinds_have_no_difference():
    one, other = pixels(noise((8, 8)), "8-bit grey"), pixels(noise((8, 8)), "palette")
    shown = review_pictures(one, other, compare_pixels(one, other))
    assert set(shown) == {"golden", "candidate"}
    assert all(isinstance(image, Image.Image) for image in shown.values())
