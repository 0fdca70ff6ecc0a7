"""The colour bar beside a map: what its colours mean, in numbers that stay legible when small."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

GAP, BAR_WIDTH = 4, 44
FONT_SIZE, INSET = 13, 5
SEPARATOR = (128, 128, 128)
DARK, LIGHT = (16, 16, 16), (250, 250, 250)


def with_bar(
    picture: Image.Image, colours: NDArray[np.float32], numbers: tuple[str, str, str]
) -> Image.Image:
    """The picture with a bar on its right that is as high as the picture.

    The numbers stand on the bar itself, so that it fits a light page as well as a dark one.
    Beside a flat picture only those stand that have room.

    Args:
        picture: RGB.
        colours: (height, 1, 3) from top to bottom, 0 to 255.
        numbers: at the top, in the middle and at the bottom.
    """
    height = picture.height
    column = np.clip(colours + 0.5, 0, 255).astype(np.uint8)
    bar = Image.fromarray(np.repeat(column, BAR_WIDTH, axis=1))
    pen, font = ImageDraw.Draw(bar), ImageFont.load_default(FONT_SIZE)
    places = ((INSET, "ma"), (height / 2, "mm"), (height - INSET, "md"))
    room = height // FONT_SIZE
    shown = {anchor for anchor, least in (("ma", 1), ("md", 2), ("mm", 4)) if room >= least}
    for text, (y, anchor) in zip(numbers, places, strict=True):
        if anchor not in shown:
            continue
        behind = column[min(int(y), height - 1), 0].astype(float) @ (0.299, 0.587, 0.114)
        pen.text((BAR_WIDTH / 2, y), text, DARK if behind > 140 else LIGHT, font, anchor)
    framed = Image.new("RGB", (picture.width + GAP + BAR_WIDTH, height), SEPARATOR)
    framed.paste(picture, (0, 0))
    framed.paste(bar, (picture.width + GAP, 0))
    return framed
