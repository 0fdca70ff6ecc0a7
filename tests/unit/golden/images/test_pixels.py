"""Pixels as they are stored: every mode and depth, and clear words for what is no golden."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from pytest_vlm.errors import GoldenError
from pytest_vlm.golden.images.pixels import LARGEST, Pixels
from pytest_vlm.golden.images.source import GivenPicture

GREY, RGB, GREY_ALPHA, RGB_ALPHA = 0, 2, 4, 6  # a PNG's colour types
KINDS = {
    (GREY, 8): "8-bit grey",
    (GREY, 16): "16-bit grey",
    (RGB, 8): "8-bit RGB",
    (RGB, 16): "16-bit RGB",
    (GREY_ALPHA, 8): "8-bit grey with alpha",
    (GREY_ALPHA, 16): "16-bit grey with alpha",
    (RGB_ALPHA, 8): "8-bit RGB with alpha",
    (RGB_ALPHA, 16): "16-bit RGB with alpha",
}
CHANNELS = {GREY: 1, RGB: 3, GREY_ALPHA: 2, RGB_ALPHA: 4}


def chunk(name: bytes, content: bytes) -> bytes:
    checksum = zlib.crc32(name + content)
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", checksum)


def encode(values: np.ndarray, colour: int, *, more: bytes = b"") -> bytes:
    """A PNG by hand: Pillow writes no 16-bit colour."""
    height, width, _ = values.shape
    depth = values.dtype.itemsize * 8
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    rows = b"".join(b"\0" + row.astype(values.dtype.newbyteorder(">")).tobytes() for row in values)
    body = chunk(b"IHDR", header) + more + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def noise(shape: tuple[int, ...], dtype: type = np.uint8, seed: int = 0) -> np.ndarray:
    top = np.iinfo(dtype).max
    return np.random.default_rng(seed).integers(0, top, shape, dtype, endpoint=True)


def saved(image: Image.Image, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG", **options)
    return buffer.getvalue()


@pytest.mark.parametrize(("colour", "depth"), KINDS)
def test_every_mode_and_depth_of_a_png_is_read_as_it_is(colour, depth):
    values = noise((5, 7, CHANNELS[colour]), np.uint8 if depth == 8 else np.uint16)
    pixels = Pixels.of_png(encode(values, colour))
    assert pixels.kind == KINDS[colour, depth]
    assert pixels.values.dtype == values.dtype
    assert pixels.values.tolist() == values.tolist()
    assert pixels.size == (7, 5)
    assert pixels.top == 2**depth - 1
    assert pixels.has_alpha == (colour in (GREY_ALPHA, RGB_ALPHA))


def test_a_transparent_colour_is_an_alpha_and_part_of_the_kind():
    values = noise((5, 7, 3), np.uint16)
    key = chunk(b"tRNS", struct.pack(">HHH", *values[2, 3]))
    pixels = Pixels.of_png(encode(values, RGB, more=key))
    assert pixels.values[..., :3].tolist() == values.tolist()
    assert np.argwhere(pixels.values[..., 3] == 0).tolist() == [[2, 3]]
    r, g, b = values[2, 3]
    assert pixels.kind == f"16-bit RGB, ({r}, {g}, {b}) transparent"


def palette(*colours: tuple[int, int, int], indices: list[int]) -> Image.Image:
    image = Image.new("P", (len(indices), 1))
    image.putpalette([level for colour in colours for level in colour])
    image.putdata(indices)
    return image


def test_a_palette_is_its_colours_not_its_numbers():
    red, blue = (255, 0, 0), (0, 0, 255)
    one = Pixels.of_image(palette(red, blue, indices=[0, 1]))
    other = Pixels.of_image(palette(blue, red, indices=[1, 0]))
    assert one.values.tolist() == other.values.tolist() == [[[*red], [*blue]]]
    assert one.kind == other.kind == "palette"
    clear = palette(red, blue, indices=[0, 1])
    clear.info["transparency"] = bytes([255, 128])
    assert Pixels.of_image(clear).kind == "palette with alpha"
    assert Pixels.of_png(saved(clear)).values[..., 3].tolist() == [[255, 128]]


MODES = st.sampled_from(["1", "L", "LA", "P", "RGB", "RGBA", "I;16", "I;16B", "I"])


@st.composite
def images(draw: st.DrawFn) -> Image.Image:
    mode = draw(MODES)
    shape = draw(st.tuples(st.integers(1, 9), st.integers(1, 9)))
    if mode.startswith("I"):
        values = draw(arrays(np.uint16, shape))
        kept = values.astype({"I": np.int32, "I;16": "<u2", "I;16B": ">u2"}[mode])
        return Image.frombytes(mode, shape[::-1], kept.tobytes())
    image = Image.fromarray(draw(arrays(np.uint8, (*shape, 4))), "RGBA").convert(mode)
    if mode in ("1", "L", "P", "RGB") and draw(st.booleans()):
        whole = {"1": 255, "RGB": (1, 2, 3)}
        image.info["transparency"] = whole.get(mode, draw(st.integers(0, 255)))
    return image


@given(images())
def test_an_image_in_memory_is_the_png_that_it_is_kept_as(image):
    given = GivenPicture(image)
    kept = Pixels.of_png(given.content)
    assert kept.kind == given.pixels.kind
    assert kept.values.tolist() == given.pixels.values.tolist()


@pytest.mark.parametrize("mode", ["F", "CMYK", "YCbCr", "HSV"])
def test_a_mode_that_no_png_keeps_is_refused(mode):
    with pytest.raises(GoldenError, match=f"no pixels of mode {mode}; known are P, 1, L"):
        _ = GivenPicture(Image.new(mode, (4, 4))).content


def test_more_than_16_bits_are_refused():
    image = Image.new("I", (4, 4), 65536)
    with pytest.raises(ValueError, match="do not fit in the 16 bits"):
        Pixels.of_image(image)


def test_16_bits_that_pillow_would_halve_are_refused():
    content = encode(noise((5, 7, 3), np.uint16), RGB)
    with (
        Image.open(io.BytesIO(content)) as image,
        pytest.raises(ValueError, match="load 8 of its 16 bits; give the file's path"),
    ):
        Pixels.of_image(image)


def header_of(width: int, height: int, depth: int = 8) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, depth, RGB, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(9))) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


WHOLE = encode(noise((60, 70, 3)), RGB)
FLIPPED = WHOLE[:2000] + bytes([WHOLE[2000] ^ 1]) + WHOLE[2001:]
FRAMES = [Image.new("RGB", (4, 4), colour) for colour in ("red", "green", "blue")]
REFUSED = {
    "empty": (b"", "it is no PNG"),
    "jpeg": (b"\xff\xd8\xff\xe0", "it is no PNG; other formats lose pixels"),
    "cut": (WHOLE[:-3000], "cannot be decoded"),
    "flipped": (FLIPPED, "cannot be decoded"),
    "header only": (WHOLE[:40], ""),
    "animated": (saved(FRAMES[0], save_all=True, append_images=FRAMES[1:]), "of 3 frames"),
    "bomb": (header_of(50_000, 50_000), "50000x50000 px"),
    "bomb of 16 bits": (header_of(50_000, 50_000, depth=16), "50000x50000 px"),
    "large": (header_of(10_000, 10_000), f"10000x10000 px; a golden has 1 to {LARGEST:,} pixels"),
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_still_whole_png_is_refused(name):
    content, words = REFUSED[name]
    with pytest.raises(GoldenError, match=f"this picture cannot be checked: .*{words}"):
        _ = GivenPicture(content).pixels


def test_an_animated_image_in_memory_is_refused():
    content = saved(FRAMES[0], save_all=True, append_images=FRAMES[1:])
    with Image.open(io.BytesIO(content)) as image, pytest.raises(ValueError, match="of 3 frames"):
        Pixels.of_image(image)


def test_a_path_is_read_and_an_unreadable_one_named(tmp_path):
    path = tmp_path / "shot.png"
    path.write_bytes(WHOLE)
    assert GivenPicture(path).content == GivenPicture(str(path)).content == WHOLE
    assert GivenPicture(path).digest == GivenPicture(WHOLE).digest
    with pytest.raises(GoldenError, match=r"other\.png cannot be read: No such file"):
        GivenPicture(tmp_path / "other.png")


def test_an_array_is_no_picture():
    with pytest.raises(GoldenError, match="ndarray is no picture; give PNG bytes"):
        GivenPicture(np.zeros((4, 4), np.uint8))


def test_digests_of_images_in_memory_tell_their_kinds_apart():
    zeros = [Image.new(mode, (4, 4)) for mode in ("1", "L", "I;16", "P", "RGB", "RGBA")]
    zeros.append(Image.new("L", (2, 8)))
    assert len({GivenPicture(image).digest for image in zeros}) == len(zeros)
