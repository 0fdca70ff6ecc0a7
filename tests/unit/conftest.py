"""Small real parts that several rooms need."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

MakePicture = Callable[..., bytes]


@pytest.fixture(scope="session")
def picture() -> MakePicture:
    """Encoded bytes of a noisy picture, of any size, format and EXIF orientation."""

    def make(
        size: tuple[int, int] = (64, 64), form: str = "PNG", seed: int = 0, turn: int = 1
    ) -> bytes:
        pixels = np.random.default_rng(seed).integers(0, 255, (size[1], size[0], 3), np.uint8)
        exif = Image.Exif()
        exif[0x0112] = turn
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, form, exif=exif)
        return buffer.getvalue()

    return make
