"""What a test gives as a picture: read, decoded and encoded only where that is needed."""

from __future__ import annotations

import io
from functools import cached_property
from pathlib import Path

import numpy as np
from PIL import Image

from pytest_vlm.errors import GoldenError
from pytest_vlm.golden.accepting.artifacts import LIMITS
from pytest_vlm.golden.golden import digest
from pytest_vlm.golden.images.pixels import Pixels

Source = bytes | Path | str | Image.Image


class GivenPicture:
    """What a test gives: decoded or encoded only when that is asked for.

    Args:
        source: PNG bytes, the path of a PNG, or an image in memory.

    Raises:
        GoldenError: nothing of these, a file that cannot be read or is too large.
    """

    def __init__(self, source: Source) -> None:
        self._source = source if isinstance(source, Image.Image) else _read(source)
        if isinstance(self._source, Image.Image) and self._source.mode == "P":
            # Of a palette, Pillow does not write all of the transparency that it shows.
            self._source = _encoded(self._source, self.pixels)
            del self.pixels

    @cached_property
    def content(self) -> bytes:
        """As a PNG that can be decoded: the bytes that were given, or the image encoded."""
        pixels = self.pixels
        return self._source if isinstance(self._source, bytes) else _encoded(self._source, pixels)

    @cached_property
    def pixels(self) -> Pixels:
        """As they are.

        Raises:
            GoldenError: they cannot be decoded, or no golden may be like that.
        """
        try:
            if isinstance(self._source, bytes):
                return Pixels.of_png(self._source)
            return Pixels.of_image(self._source)
        except ValueError as error:
            raise GoldenError(f"this picture cannot be checked: {error}") from error

    @cached_property
    def digest(self) -> str:
        """Of the PNG's bytes; of an image in memory, of its pixels."""
        if isinstance(self._source, bytes):
            return digest(self._source)
        pixels = self.pixels
        return digest(f"{pixels.kind}|{pixels.size}|".encode() + pixels.values.tobytes())


def _read(source: bytes | Path | str) -> bytes:
    if isinstance(source, bytes):
        return _not_too_large(source)
    if not isinstance(source, Path | str):
        raise GoldenError(
            f"{type(source).__name__} is no picture; give PNG bytes, the path of a PNG, or a PIL "
            "image (PIL.Image.fromarray makes one of an array)"
        )
    try:
        return _not_too_large(Path(source).read_bytes())
    except OSError as error:
        raise GoldenError(f"the picture {source} cannot be read: {error.strerror}") from error


def _encoded(image: Image.Image, pixels: Pixels) -> bytes:
    buffer = io.BytesIO()
    sixteen = pixels.values.dtype != np.uint8  # some of its byte orders cannot be saved
    kept = Image.fromarray(pixels.values[..., 0]) if sixteen else image
    kept.save(buffer, format="PNG", transparency=image.info.get("transparency"))
    return _not_too_large(buffer.getvalue())


def _not_too_large(content: bytes) -> bytes:
    limit = LIMITS[".png"]
    if len(content) > limit:
        raise GoldenError(
            f"this picture takes {len(content):,} bytes as PNG, a golden at most {limit:,}; "
            "check a part of it"
        )
    return content
