"""A picture beside its golden, for a person: pure functions from pixels to images of one size.

The difference lies on the golden in pale grey, so that every colour on it is a mark: red for what
differs, a blue frame where that is densest, yellow stripes over what was ignored, magenta stripes
over what one of the two pictures, or both, do not have.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from pytest_vlm.golden.images.comparison import ImageComparison, Mask, Place
from pytest_vlm.golden.images.pixels import Pixels

SMALLEST_EDGE, LARGEST_EDGE = 256, 1600
STRIPE, SQUARE = 8, 8  # pixels as drawn
PALE = 0.5
CHECKERBOARD = (172, 212)
DIFFERS, FRAME = (210, 16, 40), (16, 84, 224)
LINE_WIDTH = 2

Colour = tuple[int, int, int]
Colours = NDArray[np.uint8]


@dataclass(frozen=True, kw_only=True)
class Hatching:
    """Stripes on a tint; what is below shines through the tint."""

    stripe: Colour
    tint: Colour


IGNORED = Hatching(stripe=(184, 134, 11), tint=(255, 226, 120))
PADDED = Hatching(stripe=(160, 24, 160), tint=(255, 208, 255))


def review_pictures(
    golden: Pixels | None, candidate: Pixels, comparison: ImageComparison | None = None
) -> Mapping[str, Image.Image]:
    """``golden``, ``candidate`` and ``difference`` as 8-bit RGB, all of one size and scale.

    Transparency is shown over a checkerboard, 16 bits by the upper 8. There is no ``golden`` where
    none was accepted, and no ``difference`` of two kinds of pixels.
    """
    both = [candidate] if golden is None else [golden, candidate]
    canvas = _Canvas.holding(both)
    drawn = {"candidate": canvas.show(candidate)}
    if golden is not None:
        drawn["golden"] = canvas.show(golden)
        if comparison is not None and comparison.differing is not None:
            below = np.where(canvas.covers(golden)[..., None], drawn["golden"], drawn["candidate"])
            drawn["difference"] = _difference(canvas, both, below, comparison)
    return {key: Image.fromarray(colours) for key, colours in drawn.items()}


def _difference(
    canvas: _Canvas, both: list[Pixels], below: Colours, comparison: ImageComparison
) -> Colours:
    assert comparison.differing is not None
    grey = np.asarray(Image.fromarray(below).convert("L"), dtype=np.float32)
    pale = (255 - PALE * (255 - grey)).astype(np.uint8)
    drawn = np.repeat(pale[..., None], 3, axis=-1)
    shared = canvas.covers(both[0]) & canvas.covers(both[1])
    drawn[canvas.scaled(comparison.differing) & shared] = DIFFERS
    if comparison.ignored is not None:
        drawn = _hatched(drawn, canvas.placed(comparison.ignored), IGNORED)
    drawn = _hatched(drawn, ~shared, PADDED)
    if comparison.place is None:
        return drawn
    framed = Image.fromarray(drawn)
    x0, y0, x1, y1 = canvas.box(comparison.place)
    outside = x0 - LINE_WIDTH, y0 - LINE_WIDTH, x1 + LINE_WIDTH - 1, y1 + LINE_WIDTH - 1
    ImageDraw.Draw(framed).rectangle(outside, outline=FRAME, width=LINE_WIDTH)
    return np.asarray(framed)


@dataclass(frozen=True, kw_only=True)
class _Canvas:
    """Room for several pictures from the upper left corner on, drawn by one whole factor.

    Attributes:
        width: of the largest picture, as is `height`.
        up: how many pixels are drawn for one.
        down: how many pixels share one, where they are too many.
    """

    width: int
    height: int
    up: int
    down: int

    @classmethod
    def holding(cls, pictures: list[Pixels]) -> _Canvas:
        width, height = (max(picture.size[axis] for picture in pictures) for axis in (0, 1))
        longer, shorter = max(width, height), min(width, height)
        up = max(1, min(-(-SMALLEST_EDGE // shorter), LARGEST_EDGE // longer))
        return cls(width=width, height=height, up=up, down=-(-longer // LARGEST_EDGE))

    def show(self, picture: Pixels) -> Colours:
        """A picture on it, hatched around."""
        values = picture.values
        eight = values if values.dtype == np.uint8 else (values >> 8).astype(np.uint8)
        layers = np.full((self.height, self.width, 4), 255, dtype=np.uint8)
        rows, columns, channels = eight.shape
        layers[:rows, :columns, :3] = eight[..., : 3 if channels > 2 else 1]
        if picture.has_alpha:
            layers[:rows, :columns, 3] = eight[..., -1]
        drawn = Image.fromarray(layers).reduce(self.down) if self.down > 1 else layers
        scaled = np.asarray(drawn).repeat(self.up, axis=0).repeat(self.up, axis=1)
        opacity = scaled[..., 3:] / np.float32(255)
        y, x = _places(scaled.shape[:2])
        squares = np.asarray(CHECKERBOARD)[(x // SQUARE + y // SQUARE) % 2][..., None]
        shown = scaled[..., :3] * opacity + squares * (1 - opacity)
        return _hatched(shown.round().astype(np.uint8), ~self.covers(picture), PADDED)

    def covers(self, picture: Pixels) -> Mask:
        """What of it a picture covers."""
        return self.placed(np.ones(picture.values.shape[:2], dtype=bool))

    def placed(self, mask: Mask) -> Mask:
        """As drawn, the pixels of one picture."""
        whole = np.zeros((self.height, self.width), dtype=bool)
        whole[: mask.shape[0], : mask.shape[1]] = mask
        return self.scaled(whole)

    def scaled(self, mask: Mask) -> Mask:
        """As drawn, all of its pixels; where several share one, any of them marks it."""
        filled = np.pad(mask, ((0, -self.height % self.down), (0, -self.width % self.down)))
        rows, columns = filled.shape[0] // self.down, filled.shape[1] // self.down
        blocks = filled.reshape(rows, self.down, columns, self.down)
        marked: Mask = np.any(blocks, axis=(1, 3))
        return marked.repeat(self.up, axis=0).repeat(self.up, axis=1)

    def box(self, box: Place) -> Place:
        """As drawn."""
        x0, y0, x1, y1 = (edge * self.up for edge in box)
        return x0 // self.down, y0 // self.down, -(-x1 // self.down), -(-y1 // self.down)


def _hatched(colours: Colours, mask: Mask, hatching: Hatching) -> Colours:
    y, x = _places(mask.shape)
    stripes = (x + y) % STRIPE < STRIPE // 4
    drawn = colours.copy()
    drawn[mask] = colours[mask] // 2 + np.asarray(hatching.tint, dtype=np.uint8) // 2
    drawn[mask & stripes] = hatching.stripe
    return drawn


def _places(shape: tuple[int, ...]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows and columns, as they are numbered."""
    height, width = shape
    return np.arange(height)[:, None], np.arange(width)[None, :]
