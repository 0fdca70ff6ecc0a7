"""Maps as pictures: pure functions from arrays and images to images."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from pytest_vlm.heatmap.heatmap import Heatmap

SMALLEST_EDGE, LARGEST_EDGE = 224, 768
BAR_WIDTH = 10
OPACITY = 0.62

# Colours at equal steps: dark to light with even changes in lightness, and blue-white-red.
SEQUENTIAL = (
    (13, 8, 65),
    (84, 16, 110),
    (158, 41, 99),
    (217, 79, 61),
    (248, 142, 9),
    (252, 230, 130),
)
DIVERGING = ((33, 92, 165), (139, 187, 218), (245, 245, 245), (238, 150, 120), (178, 24, 43))


def overlay(picture: Image.Image, heatmap: Heatmap, *, top: float | None = None) -> Image.Image:
    """The picture under its map, with a colour bar on the right.

    Args:
        picture: the original RGB picture the first medium's boxes refer to.
        heatmap: drawn cell by cell.
        top: the value at the top of the colour scale; by default the map's maximum. Maps that are
            compared need one scale.
    """
    scale = float(heatmap.values.max()) if top is None else top
    shares = heatmap.values / scale if scale > 0 else np.zeros_like(heatmap.values)
    colours = _colours(np.clip(shares, 0, 1), SEQUENTIAL)
    return _draw(picture, heatmap, colours, SEQUENTIAL)


def difference(picture: Image.Image, golden: Heatmap, other: Heatmap) -> Image.Image:
    """Where the other map has a larger (red) or smaller (blue) share of its mass."""
    p = golden.values / max(float(golden.values.sum()), 1e-30)
    q = other.values / max(float(other.values.sum()), 1e-30)
    reach = max(float(p.max()), 1e-30)
    colours = _colours(np.clip((q - p) / reach / 2 + 0.5, 0, 1), DIVERGING)
    return _draw(picture, golden, colours, DIVERGING)


def png(image: Image.Image) -> bytes:
    """PNG bytes, at the fastest compression: pictures for review are blown up, and small anyway."""
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", compress_level=1)
    return buffer.getvalue()


def fit_for_review(picture: Image.Image) -> Image.Image:
    """Small pictures blown up by a whole factor, so that pixels stay pixels; large ones shrunk."""
    if max(picture.size) > LARGEST_EDGE:
        shrunk = picture.copy()
        shrunk.thumbnail((LARGEST_EDGE, LARGEST_EDGE))
        return shrunk
    factor = max(1, min(-(-SMALLEST_EDGE // min(picture.size)), LARGEST_EDGE // max(picture.size)))
    return picture.resize(
        (picture.width * factor, picture.height * factor), Image.Resampling.NEAREST
    )


def _draw(
    picture: Image.Image,
    heatmap: Heatmap,
    colours: NDArray[np.uint8],
    scale: tuple[tuple[int, int, int], ...],
) -> Image.Image:
    base = fit_for_review(picture.convert("L").convert("RGB"))
    factor = base.width / picture.width
    layer = base.copy()
    pen = ImageDraw.Draw(layer)
    first = heatmap.media[0], heatmap.frame[0]
    for box, colour, medium, frame in zip(
        heatmap.boxes, colours, heatmap.media, heatmap.frame, strict=True
    ):
        if (medium, frame) == first:
            x0, y0, x1, y1 = (float(edge) * factor for edge in box)
            pen.rectangle((x0, y0, max(x1 - 1, x0), max(y1 - 1, y0)), fill=tuple(map(int, colour)))
    blended = Image.blend(base, layer, OPACITY)
    framed = Image.new("RGB", (base.width + 4 + BAR_WIDTH, base.height), (255, 255, 255))
    framed.paste(blended, (0, 0))
    framed.paste(_bar(base.height, scale), (base.width + 4, 0))
    return framed


def _bar(height: int, scale: tuple[tuple[int, int, int], ...]) -> Image.Image:
    column = _colours(np.linspace(1, 0, height), scale)
    return Image.fromarray(np.repeat(column[:, None], BAR_WIDTH, axis=1))


def _colours(
    shares: NDArray[np.floating], scale: tuple[tuple[int, int, int], ...]
) -> NDArray[np.uint8]:
    stops = np.linspace(0, 1, len(scale))
    table = np.asarray(scale, dtype=np.float64)
    channels = [np.interp(shares, stops, table[:, channel]) for channel in range(3)]
    return np.stack(channels, axis=-1).round().astype(np.uint8)
