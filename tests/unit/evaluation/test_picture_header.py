"""The quick look at a header says what Pillow says, or nothing."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image as Pillow
from PIL import ImageOps, PngImagePlugin

from pytest_vlm.evaluation.picture_header import LONGEST, plain_size


def encoded(form: str, size: tuple[int, int] = (33, 21), mode: str = "RGB", **options) -> bytes:
    pixels = np.random.default_rng(0).integers(0, 255, (size[1], size[0], 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Pillow.fromarray(pixels).convert(mode).save(buffer, form, **options)
    return buffer.getvalue()


def turned() -> Pillow.Exif:
    exif = Pillow.Exif()
    exif[0x0112] = 6
    return exif


def size_by_pillow(data: bytes) -> tuple[int, int] | None:
    try:
        return Pillow.open(io.BytesIO(data)).size
    except Exception:  # whatever a decoder raises on broken bytes
        return None


@pytest.mark.parametrize("size", [(1, 1), (33, 21), (300, 2), (2, 1000)])
@pytest.mark.parametrize(
    ("form", "options"),
    [
        ("PNG", {}),
        ("PNG", {"mode": "P"}),
        ("PNG", {"dpi": (72, 72)}),
        ("JPEG", {}),
        ("JPEG", {"progressive": True}),
        ("JPEG", {"mode": "CMYK"}),
        ("JPEG", {"comment": "a comment"}),
        ("WEBP", {}),
        ("WEBP", {"lossless": True}),
        ("WEBP", {"mode": "RGBA"}),
    ],
)
def test_a_plain_header_is_read(form, options, size):
    assert plain_size(encoded(form, size, **options)[:LONGEST]) == size


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP"])
def test_what_may_turn_the_picture_is_left_to_pillow(form):
    assert plain_size(encoded(form, exif=turned())) is None


def test_a_png_that_is_turned_by_its_text_is_left_to_pillow():
    words = PngImagePlugin.PngInfo()
    words.add_itxt("XML:com.adobe.xmp", '<x tiff:Orientation="6"/>')
    data = encoded("PNG", pnginfo=words)
    assert ImageOps.exif_transpose(Pillow.open(io.BytesIO(data))).size == (21, 33)
    assert plain_size(data) is None


@pytest.mark.parametrize("form", ["GIF", "BMP", "TIFF"])
def test_other_formats_are_left_to_pillow(form):
    assert plain_size(encoded(form)) is None


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP"])
def test_torn_headers_are_never_an_error(form):
    data = encoded(form)
    rng = np.random.default_rng(2)
    for end in range(60):
        assert plain_size(data[:end]) in (None, (33, 21))
    for _ in range(300):
        torn = bytearray(data)
        for place in rng.integers(0, 200, 4):
            torn[place] = rng.integers(0, 256)
        said, size = plain_size(bytes(torn)), size_by_pillow(bytes(torn))
        assert said is None or size is None or said == size
