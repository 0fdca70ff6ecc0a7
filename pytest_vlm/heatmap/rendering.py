"""Maps as pictures: pure functions from arrays and images to images."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image, ImageDraw

from pytest_vlm.heatmap.bar import BAR_WIDTH, GAP, with_bar
from pytest_vlm.heatmap.colours import DIVERGING, SEQUENTIAL, Scale, colours_of, number
from pytest_vlm.heatmap.heatmap import Heatmap
from pytest_vlm.heatmap.raster import cells_on_top, interpolated, nearest

__all__ = [
    "BAR_WIDTH",
    "GAP",
    "difference",
    "fit_for_review",
    "overlay",
    "png",
    "selection",
]

SMALLEST_EDGE, LARGEST_EDGE = 224, 768
OPACITY = 0.8
FAINT = 0.4  # of it, for values around zero
MIDDLE_GREY = 128
LEAST_REACH = 0.1
CLIPPED = 1.01  # of the scale: more than rounding, and than the two digits of its number tell
REJECTED, REJECTED_OPACITY = (214, 40, 40), 0.55
KEPT, KEPT_INSIDE = (255, 255, 255), (16, 16, 16)  # to be seen on anything

Interpolation = Literal["nearest", "bilinear"]
Pixels = NDArray[np.float32]


def overlay(
    picture: Image.Image,
    heatmap: Heatmap,
    *,
    top: float | None = None,
    opacity: float = OPACITY,
    interpolation: Interpolation = "nearest",
    regions: ArrayLike = (),
) -> Image.Image:
    """The picture in grey under its map, with a colour bar on the right.

    Args:
        picture: the original picture that the boxes of the map's first cell refer to; cells of
            other pictures are left out. Where cells overlap, the larger value is seen.
        heatmap: what is drawn.
        top: the value at the top of the colour scale; by default the map's maximum. Maps that are
            compared need one scale: the golden's. What is larger has the colour of the top, and the
            bar says so by a > before its number.
        opacity: 0 to 1, of the largest values; small ones hide less of the picture.
        interpolation: ``nearest`` shows the cells as they are, ``bilinear`` is linear between
            the centres of neighbours.
        regions: (k, 4) boxes in pixels of the picture, to be outlined: where the answer stands.
    """
    scale = float(heatmap.values.max()) if top is None else top
    shares = heatmap.values / np.float32(scale) if scale > 0 else np.zeros_like(heatmap.values)
    boxes = np.asarray(regions, dtype=np.float32).reshape(-1, 4)
    canvas = _Canvas(picture, heatmap, opacity, interpolation, boxes)
    here = (heatmap.media == heatmap.media[0]) & (heatmap.frame == heatmap.frame[0])
    beyond = ">" if shares[here].max() > CLIPPED else ""
    labels = f"{beyond}{number(max(scale, 0))}", "", "0"
    return canvas.draw(np.minimum(shares, 1), SEQUENTIAL, 0, labels)


def difference(
    picture: Image.Image,
    golden: Heatmap,
    other: Heatmap,
    *,
    place: tuple[int, int] | None = None,
    opacity: float = OPACITY,
    interpolation: Interpolation = "nearest",
) -> Image.Image:
    """Where the other map has a larger (red) or smaller (blue) share of its mass.

    The numbers on the bar are in the golden's maximum, so the end that is reached is the
    `max_deviation` of the two. Differences below a tenth stay pale, however small all are.

    Args:
        picture: the original picture that is drawn.
        golden: the accepted map, of all pictures.
        other: the one that it is compared with.
        place: medium and frame of the picture; by default those of the golden's first cell.
        opacity: as in `overlay`, like `interpolation`.

    Raises:
        ValueError: the maps do not have as many cells, or none in the picture.
    """
    if golden.values.shape != other.values.shape:
        raise ValueError(
            f"maps of {golden.values.size} and {other.values.size} cells have no difference"
        )
    p = golden.values / max(float(golden.values.sum()), 1e-30)
    q = other.values / max(float(other.values.sum()), 1e-30)
    signed = (q - p) / np.float32(max(float(p.max()), 1e-30))
    reach = max(float(np.abs(signed).max()), LEAST_REACH)
    medium, frame = place or (int(golden.media[0]), int(golden.frame[0]))
    cells = golden.on(medium, frame)
    if cells is None:
        raise ValueError(f"the golden has no cells in medium {medium}, frame {frame}")
    there = (golden.media == medium) & (golden.frame == frame)
    canvas = _Canvas(picture, cells, opacity, interpolation)
    labels = f"+{number(reach)}", "0", f"-{number(reach)}"
    return canvas.draw((signed[there] / reach).astype(np.float32), DIVERGING, -1, labels)


def selection(picture: Image.Image, boxes: ArrayLike, kept: ArrayLike) -> Image.Image:
    """Which patches of the picture a model kept: outlined; the rejected ones in translucent red.

    Args:
        picture: the original picture.
        boxes: (n, 4) x0, y0, x1, y1 of its patches in original pixels.
        kept: (n,) bool, or the numbers of the kept ones.

    Raises:
        ValueError: `kept` does not fit the boxes.
    """
    cells = np.asarray(boxes, dtype=np.float32).reshape(-1, 4)
    chosen = np.asarray(kept)
    if chosen.dtype != np.bool_:
        if chosen.size and not (chosen.min() >= 0 and chosen.max() < len(cells)):
            raise ValueError(f"patches are numbered from 0 to {len(cells) - 1}, found {chosen}")
        chosen = np.isin(np.arange(len(cells)), chosen)
    if chosen.shape != (len(cells),):
        raise ValueError(f"{len(cells)} patches need as many answers, found {chosen.shape}")
    base = fit_for_review(picture.convert("RGB"))
    factor = base.width / picture.width
    numbers = cells_on_top(cells * np.float32(factor), base.size)
    states = np.append(chosen.astype(np.int8), np.int8(-1))[numbers]
    pixels = _array(base)
    red = np.float32(REJECTED_OPACITY)
    rejected = states == 0
    pixels[rejected] = pixels[rejected] * (1 - red) + np.array(REJECTED, dtype=np.float32) * red
    inner, outer = _borders(numbers)
    pixels[inner & (states == 1)] = KEPT_INSIDE
    pixels[outer & (states == 1)] = KEPT
    return _image(pixels)


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


@dataclass(frozen=True)
class _Canvas:
    """A picture in grey and the cells of a map that lie on it."""

    picture: Image.Image
    cells: Heatmap
    opacity: float
    interpolation: Interpolation
    regions: NDArray[np.float32] = field(default_factory=lambda: np.empty((0, 4), np.float32))

    def draw(
        self, values: NDArray[np.float32], scale: Scale, low: int, labels: tuple[str, str, str]
    ) -> Image.Image:
        """The cells in their colours, with a bar.

        Args:
            values: (n,) of all the map's cells, from `low` to 1.
            scale: of colours.
            low: 0, or -1 for values around zero.
            labels: at the bar's top, middle and bottom.
        """
        base = fit_for_review(self.picture.convert("L").convert("RGB"))
        cells = self.cells
        here = (cells.media == cells.media[0]) & (cells.frame == cells.frame[0])
        factors = base.width / self.picture.width, base.height / self.picture.height
        to_base = np.array(factors * 2, dtype=np.float32)
        boxes = cells.boxes[here] * to_base
        spread = interpolated if self.interpolation == "bilinear" else nearest
        column = np.linspace(1, low, base.height, dtype=np.float32)[:, None]
        ground = np.full((*column.shape, 3), MIDDLE_GREY, dtype=np.float32)
        drawn = _image(
            self._blend(_array(base), spread(values[here], boxes, base.size), scale, low)
        )
        _outline(drawn, self.regions * to_base)
        return with_bar(
            drawn,
            self._blend(ground, column, scale, low),
            labels,
        )

    def _blend(self, below: Pixels, values: Pixels, scale: Scale, low: int) -> Pixels:
        """Colours over what is below: opaque as the value is large; none where there is none."""
        known = ~np.isnan(values)
        values = np.where(known, values, 0)
        opacity = np.where(known, self.opacity * (FAINT + (1 - FAINT) * np.abs(values)), 0)
        colours = colours_of((values - low) / (1 - low), scale)
        return below + opacity[..., None].astype(np.float32) * (colours - below)


def _outline(image: Image.Image, boxes: NDArray[np.float32]) -> None:
    """Draw (k, 4) boxes into the image, in light on dark; what lies beyond it, at its edge."""
    pen = ImageDraw.Draw(image)
    last = np.array([image.width, image.height] * 2) - 1
    for box in boxes:
        x0, y0, x1, y1 = np.clip(np.rint(box) - (0, 0, 1, 1), 0, last).astype(int).tolist()
        for inset, colour in enumerate((KEPT_INSIDE, KEPT, KEPT, KEPT_INSIDE)):
            if x1 - x0 > 2 * inset and y1 - y0 > 2 * inset:
                pen.rectangle((x0 + inset, y0 + inset, x1 - inset, y1 - inset), outline=colour)


def _array(image: Image.Image) -> Pixels:
    return np.asarray(image, dtype=np.float32).copy()


def _image(pixels: Pixels) -> Image.Image:
    return Image.fromarray(np.clip(pixels + 0.5, 0, 255).astype(np.uint8))


def _borders(numbers: NDArray[np.intp]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Pixels within two, and within one, of another cell's or of the picture's edge."""
    outer = np.ones(numbers.shape, dtype=bool)
    middle = numbers[1:-1, 1:-1]
    outer[1:-1, 1:-1] = (
        (numbers[:-2, 1:-1] != middle)
        | (numbers[2:, 1:-1] != middle)
        | (numbers[1:-1, :-2] != middle)
        | (numbers[1:-1, 2:] != middle)
    )
    inner = outer.copy()
    inner[1:] |= outer[:-1]
    inner[:-1] |= outer[1:]
    inner[:, 1:] |= outer[:, :-1]
    inner[:, :-1] |= outer[:, 1:]
    return inner, outer
