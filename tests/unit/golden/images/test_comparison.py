"""No false pass on small true changes, and no false fail where a tolerance asks for room."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image, ImageDraw, ImageFont

from pytest_vlm.errors import GoldenError
from pytest_vlm.golden.images.comparison import ImageComparison, compare_pixels
from pytest_vlm.golden.images.pixels import Pixels
from pytest_vlm.golden.images.tolerance import (
    EXACT,
    SCREENSHOT,
    ImageTolerance,
    image_tolerance_of,
)

KINDS = {1: "8-bit grey", 3: "8-bit RGB", 4: "8-bit RGB with alpha"}
TOLERANCES = {"exact": EXACT, "screenshot": SCREENSHOT}


def pixels(values: np.ndarray, kind: str = "") -> Pixels:
    shaped = values if values.ndim == 3 else values[..., None]
    return Pixels(kind=kind or KINDS[shaped.shape[2]], values=shaped)


def numbers(found: ImageComparison) -> list[float]:
    return [measure.value for measure in found.measures]


def gaussians(size: int, seed: int = 0) -> np.ndarray:
    """A smooth coloured map."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:size, :size] / size
    peaks = rng.random((4, 2))
    mass = sum(np.exp(-((x - px) ** 2 + (y - py) ** 2) / 0.02) for px, py in peaks)
    share = mass / mass.max()
    return np.stack([share * 255, share**2 * 200, (1 - share) * 90], axis=-1).astype(np.uint8)


def noise(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def with_patch(values: np.ndarray, at: tuple[int, int] = (120, 77)) -> np.ndarray:
    y, x = at
    changed = values.copy()
    changed[y : y + 7, x : x + 7] = 255 - changed[y : y + 7, x : x + 7]
    return changed


def one_cell() -> tuple[Pixels, Pixels]:
    grey = gaussians(32)[..., 0].copy()
    grey[20, 11] = 0
    changed = grey.copy()
    changed[20, 11] = 255
    return pixels(grey), pixels(changed)


def without_alpha() -> tuple[Pixels, Pixels]:
    opaque = np.dstack([gaussians(64), np.full((64, 64), 255, np.uint8)])
    clear = opaque.copy()
    clear[..., 3] = 0
    return pixels(opaque), pixels(clear)


def sixteen_bits() -> tuple[Pixels, Pixels]:
    grey = np.full((64, 64), 1000, np.uint16)
    return pixels(grey, "16-bit grey"), pixels(grey + np.uint16(200), "16-bit grey")


def black(one: int, other: int) -> tuple[Pixels, Pixels]:
    return pixels(np.zeros((one, one, 3), np.uint8)), pixels(np.zeros((other, other, 3), np.uint8))


CHANGED = {
    "patch in a map": (pixels(gaussians(256)), pixels(with_patch(gaussians(256)))),
    "patch in noise": (pixels(noise((256, 256, 3))), pixels(with_patch(noise((256, 256, 3))))),
    "patch in grey noise": (pixels(noise((256, 256))), pixels(with_patch(noise((256, 256))))),
    "patch on black": (
        pixels(np.zeros((256, 256), np.uint8)),
        pixels(with_patch(np.zeros((256, 256), np.uint8))),
    ),
    "patch in a corner": (
        pixels(np.zeros((256, 256), np.uint8)),
        pixels(with_patch(np.zeros((256, 256), np.uint8), at=(249, 249))),
    ),
    "one cell": one_cell(),
    "alpha": without_alpha(),
    "16 bits": sixteen_bits(),
    "16 bits by 256": (
        pixels(np.zeros((64, 64), np.uint16), "16-bit grey"),
        pixels(np.full((64, 64), 256, np.uint16), "16-bit grey"),
    ),
    "black 128 and 256": black(128, 256),
    "1x1 and 256": black(1, 256),
    "black 256 and 128": black(256, 128),
}
ROOM = ImageTolerance(level=255, share=1, region=64)


@pytest.mark.parametrize("tolerance", TOLERANCES)
@pytest.mark.parametrize("name", CHANGED)
def test_a_true_change_is_never_passed(name, tolerance):
    golden, other = CHANGED[name]
    found = compare_pixels(golden, other, TOLERANCES[tolerance])
    assert found.problem
    assert found.differing is not None
    assert found.differing.any()


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("make", [gaussians, lambda size, seed: noise((size, size, 3), seed)])
def test_an_inverted_patch_is_seen_anywhere(make, seed):
    values = make(256, seed)
    at = np.random.default_rng(seed).integers(0, 250, 2)
    found = compare_pixels(pixels(values), pixels(with_patch(values, tuple(at))), SCREENSHOT)
    assert found.problem
    assert found.place is not None
    x0, y0, x1, y1 = found.place
    assert x0 - 2 <= at[1] <= x1
    assert y0 - 2 <= at[0] <= y1


@pytest.mark.parametrize("tolerance", [*TOLERANCES.values(), ROOM])
def test_another_size_always_fails(tolerance):
    golden, other = black(128, 256)
    found = compare_pixels(golden, other, tolerance)
    assert found.problem == "the golden is 128x128 px, this picture 256x256 px"
    assert found.differing.shape == (256, 256)
    assert found.differing[:128, :128].any() == False  # noqa: E712
    assert found.differing[128:].all()
    assert found.differing[:, 128:].all()
    assert found.measures == ()
    turned = compare_pixels(other, golden, tolerance)
    assert turned.differing.sum() == 256**2 - 128**2


def test_sizes_that_cross_leave_what_neither_has():
    wide, high = pixels(np.zeros((10, 30), np.uint8)), pixels(np.zeros((20, 15), np.uint8))
    found = compare_pixels(wide, high)
    assert found.differing.shape == (20, 30)
    assert found.differing[:10, :15].sum() == 0
    assert found.differing[10:, 15:].all()


@pytest.mark.parametrize("tolerance", [*TOLERANCES.values(), ROOM])
def test_another_kind_always_fails(tolerance):
    grey = np.zeros((8, 8), np.uint8)
    found = compare_pixels(pixels(grey), pixels(grey, "palette"), tolerance)
    assert found.problem == "the golden is 8-bit grey, this picture palette"
    assert found.differing is None
    smaller = compare_pixels(pixels(grey), pixels(grey[:4], "palette"), tolerance)
    assert "8x8 px, this picture 8x4 px; the golden is 8-bit grey" in smaller.problem


SHAPES = st.tuples(st.integers(1, 12), st.integers(1, 12), st.sampled_from([1, 3, 4]))
DTYPES = st.sampled_from([np.uint8, np.uint16])


@given(DTYPES.flatmap(lambda dtype: arrays(dtype, SHAPES)), st.sampled_from([*TOLERANCES]))
def test_a_picture_equals_itself(values, tolerance):
    found = compare_pixels(
        pixels(values, "any"), pixels(values.copy(), "any"), TOLERANCES[tolerance]
    )
    assert found.problem == ""
    assert numbers(found) == [0, 0, 0]
    assert found.place is None


@given(DTYPES.flatmap(lambda dtype: arrays(dtype, SHAPES)), st.data())
def test_one_changed_value_is_a_difference(values, data):
    height, width, channels = values.shape
    y, x = data.draw(st.integers(0, height - 1)), data.draw(st.integers(0, width - 1))
    channel = data.draw(st.integers(0, channels - 1))
    changed = values.copy()
    other = data.draw(st.integers(0, np.iinfo(values.dtype).max))
    changed[y, x, channel] = other
    step = abs(int(values[y, x, channel]) - other)
    found = compare_pixels(pixels(values, "any"), pixels(changed, "any"))
    assert bool(found.problem) == (step > 0)
    if step:
        assert found.place == (x, y, x + 1, y + 1)
        assert numbers(found) == [1 / (height * width), 1, step]
        names = {1: ["grey"], 3: ["red", "green", "blue"], 4: ["red", "green", "blue", "alpha"]}
        assert found.problem.endswith(
            f"{step} of {np.iinfo(values.dtype).max} levels of {names[channels][channel]}"
        )


@given(
    DTYPES.flatmap(lambda dtype: st.tuples(arrays(dtype, (9, 10, 3)), arrays(dtype, (9, 10, 3))))
)
def test_both_ways_are_one_comparison(both):
    a, b = (pixels(values, "any") for values in both)
    for tolerance in (*TOLERANCES.values(), ROOM):
        one, other = compare_pixels(a, b, tolerance), compare_pixels(b, a, tolerance)
        assert one.problem == other.problem
        assert numbers(one) == numbers(other)


def test_a_level_is_held_in_the_pictures_own_levels():
    values = np.full((16, 16), 100, np.uint8)
    near = ImageTolerance(level=3)
    assert not compare_pixels(pixels(values), pixels(values + np.uint8(3)), near).problem
    assert not compare_pixels(pixels(values), pixels(values - np.uint8(3)), near).problem
    assert compare_pixels(pixels(values), pixels(values + np.uint8(4)), near).problem


def scattered(count: int, size: int = 100) -> tuple[Pixels, Pixels]:
    """Single pixels that differ, far from each other."""
    values = np.zeros((size, size), np.uint8)
    changed = values.copy()
    places = np.arange(count) * 10
    changed[places // size * 10, places % size] = 9
    return pixels(values), pixels(changed)


def test_a_share_of_scattered_pixels_may_differ_and_no_more():
    room = ImageTolerance(share=0.005, region=1)
    passing = compare_pixels(*scattered(50), room)
    assert passing.problem == ""
    assert numbers(passing) == [0.005, 1, 9]
    assert passing.sentence == "0.500% of the pixels differ, within the tolerance."
    assert compare_pixels(*scattered(51), room).problem


def test_few_pixels_close_together_fail_where_the_share_would_pass():
    values = np.zeros((256, 256), np.uint8)
    changed = with_patch(values)
    found = compare_pixels(pixels(values), pixels(changed), ImageTolerance(share=0.5, region=48))
    assert "49 of them in one window of 8x8, most around (77, 120) to (84, 127)" in found.problem
    room = ImageTolerance(share=0.5, region=49)
    assert not compare_pixels(pixels(values), pixels(changed), room).problem


def test_the_place_gathers_what_lies_close():
    values = np.zeros((100, 200), np.uint8)
    changed = values.copy()
    changed[10:18, 20:28] = 1  # the densest
    changed[12, 34] = changed[12, 41] = 1  # each within eight pixels of the one before
    changed[80:84, 150:154] = 1
    found = compare_pixels(pixels(values), pixels(changed))
    assert found.place == (20, 10, 42, 18)


def test_ignored_boxes_are_left_out_of_every_number():
    values = noise((64, 64, 3))
    changed = values.copy()
    changed[10:20, 30:40] = 255 - changed[10:20, 30:40]
    for tolerance in TOLERANCES.values():
        found = compare_pixels(pixels(values), pixels(changed), tolerance, [(30, 10, 40, 20)])
        assert (found.problem, found.place) == ("", None)
        assert numbers(found) == [0, 0, 0]
        assert found.ignored.sum() == 100
        less = compare_pixels(pixels(values), pixels(changed), tolerance, [(30, 10, 40, 15)])
        assert less.problem
    changed[0, 0] ^= 1
    found = compare_pixels(pixels(values), pixels(changed), EXACT, [(30, 10, 40, 20)])
    assert "1 of 3,996 pixels differ" in found.problem


def test_an_ignored_box_may_reach_beyond_the_picture_and_hides_nothing_beside_it():
    values = np.full((64, 64), 200, np.uint8)
    changed = values.copy()
    changed[:, 32:] = noise((64, 32))
    changed[20:27, 24:31] = 20
    found = compare_pixels(pixels(values), pixels(changed), SCREENSHOT, [(32, 0, 999, 999)])
    assert found.problem
    assert found.differing[:, 34:].sum() == 0


def test_every_pixel_that_an_ignored_box_touches_is_left_out():
    values = pixels(np.zeros((16, 16), np.uint8))
    found = compare_pixels(values, values, EXACT, [(1.9, 2.0, 3.1, float("inf"))])
    assert np.argwhere(found.ignored.any(axis=0)).ravel().tolist() == [1, 2, 3]
    assert found.ignored[:, 1].tolist() == [False] * 2 + [True] * 14


NAN = float("nan")


@pytest.mark.parametrize(
    "box",
    [(NAN, 0, 4, 4), (0, 0, 4, NAN), (5, 5, 5, 9), (9, 5, 5, 9), (-1, 0, 4, 4), (16, 0, 20, 4)],
)
def test_a_box_that_ignores_nothing_is_refused(box):
    values = pixels(np.zeros((16, 16), np.uint8))
    with pytest.raises(GoldenError, match="is empty or outside the golden, which is 16x16 px"):
        compare_pixels(values, values, EXACT, [box])


def test_boxes_that_ignore_everything_are_refused():
    values = pixels(np.zeros((16, 16), np.uint8))
    with pytest.raises(GoldenError, match="nothing would be compared"):
        compare_pixels(values, values, EXACT, [(0, 0, 16, 8), (0, 8, 16, 16)])


def test_tolerances_have_names_and_limits():
    assert image_tolerance_of("exact") == EXACT
    assert image_tolerance_of("screenshot") is SCREENSHOT
    assert image_tolerance_of(ROOM) is ROOM
    with pytest.raises(GoldenError, match="'loose' is none of exact, screenshot"):
        image_tolerance_of("loose")
    for limit in ({"share": 1.5}, {"level": -1}, {"region": 65}, {"share": float("nan")}):
        with pytest.raises(GoldenError, match="is no limit; it lies from 0 to"):
            replace(EXACT, **limit)


def page(words: str, *, moved: tuple[float, float] = (0, 0), colour: int = 30) -> Pixels:
    """Two lines of text, drawn eight times as large and reduced: moved by parts of a pixel."""
    sheet = Image.new("L", (8 * 300, 8 * 80), 255)
    pen = ImageDraw.Draw(sheet)
    x, y = (8 * offset for offset in moved)
    for line, size in ((0, 16), (1, 12)):
        font = ImageFont.load_default(8 * size)
        pen.text((8 * 12 + x, 8 * (10 + 30 * line) + y), words, fill=colour, font=font)
    return pixels(np.asarray(sheet.reduce(8).convert("RGB")))


WORDS = "the seven in the top left corner."


@pytest.mark.parametrize("moved", [(0.125, 0), (0.25, 0.25), (0.5, 0), (0, 0.5), (0.375, 0.125)])
def test_text_that_moved_by_less_than_a_pixel_is_the_same_on_a_screenshot(moved):
    golden, other = page(WORDS), page(WORDS, moved=moved)
    found = compare_pixels(golden, other, SCREENSHOT)
    assert found.problem == ""
    exact = compare_pixels(golden, other, EXACT)
    assert exact.measures[2].value > 20


@pytest.mark.parametrize(
    "changed",
    [
        page(WORDS.replace("seven", "eight")),
        page(WORDS.replace("left", "lift")),
        page(WORDS.removesuffix(".")),
        page(WORDS, moved=(2, 0)),
        page(WORDS, moved=(0, 2)),
        page(WORDS, colour=110),
        page(""),
    ],
)
def test_other_text_is_another_screenshot(changed):
    assert compare_pixels(page(WORDS), changed, SCREENSHOT).problem


def test_faint_noise_is_the_same_on_a_screenshot():
    golden = page(WORDS)
    dither = np.random.default_rng(0).integers(-2, 3, golden.values.shape)
    values = np.clip(golden.values.astype(int) + dither, 0, 255).astype(np.uint8)
    assert compare_pixels(golden, pixels(values), SCREENSHOT).problem == ""
    assert compare_pixels(golden, pixels(values), EXACT).problem
