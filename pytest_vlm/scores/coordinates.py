"""How families of models write boxes and points into their answers."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass

from pytest_vlm.evaluation.samples import Box

Point = tuple[float, float]
Shape = tuple[float, ...]  # x, y or x0, y0, x1, y1

N = r"\s{0,8}(-?[0-9]{1,7}(?:\.[0-9]{1,9})?)\s{0,8}"
BRACKETS = re.compile(
    rf"[\[(]{N},{N},{N},{N}[\])]"  # [x0, y0, x1, y1]
    rf"|\({N},{N}\)\s{{0,8}},?\s{{0,8}}\({N},{N}\)"  # (x0,y0),(x1,y1)
    rf"|[\[(]{N},{N}[\])]"  # (x, y)
)
PALIGEMMA_BOX = re.compile(r"<loc([0-9]{4})>" * 4)
FLORENCE_BOX = re.compile(r"<loc_([0-9]{1,3})>" * 4)
KOSMOS_BOX = re.compile(r"<patch_index_([0-9]{4})>" * 2)
MOLMO_TAG = re.compile(r"<points?\s([^<>]{1,20000})>")
MOLMO_POINT = re.compile(r'\bx([0-9]{0,4})="\s?([0-9.]{1,9})"\s{1,8}y\1="\s?([0-9.]{1,9})"')
KOSMOS_PATCHES = 32


@dataclass(frozen=True, kw_only=True)
class Convention:
    """Reads boxes and points of one family of models.

    Attributes:
        name: of the family, as it stands behind a score's name.
        read: text to shapes, in the order of the text and in the family's own units.
        extent: width and height of a picture in pixels to its width and height in those units.
    """

    name: str
    read: Callable[[str], list[Shape]]
    extent: Callable[[int, int], tuple[float, float]]

    def boxes(self, text: str, size: tuple[int, int]) -> list[Box]:
        """Boxes in pixels of a picture of this size (width, height)."""
        x, y = self._pixels(size)
        return [
            (shape[0] * x, shape[1] * y, shape[2] * x, shape[3] * y)
            for shape in self.read(text)
            if len(shape) == 4
        ]

    def points(self, text: str, size: tuple[int, int]) -> list[Point]:
        """Points in pixels of a picture of this size; without any, the centres of boxes."""
        x, y = self._pixels(size)
        points = [(shape[0] * x, shape[1] * y) for shape in self.read(text) if len(shape) == 2]
        return points or [((a + c) / 2, (b + d) / 2) for a, b, c, d in self.boxes(text, size)]

    def _pixels(self, size: tuple[int, int]) -> tuple[float, float]:
        """One unit in pixels, across and down."""
        across, down = self.extent(*size)
        return size[0] / across, size[1] / down


def smart_resize(
    width: int, height: int, *, multiple: int, min_pixels: int, max_pixels: int
) -> tuple[int, int]:
    """Width and height that Qwen2-VL and Qwen2.5-VL resize a picture to.

    Both become multiples of a patch pair's side, with an area within the limits and about the same
    aspect ratio (Wang et al. 2024, "Qwen2-VL", section 2.1; the rounding is the processor's).

    Args:
        width: of the picture, in pixels.
        height: likewise.
        multiple: the side of a patch pair, in pixels.
        min_pixels: the least area, in pixels.
        max_pixels: the largest one.
    """
    across = round(width / multiple) * multiple
    down = round(height / multiple) * multiple
    if across * down > max_pixels:
        shrink = math.sqrt(width * height / max_pixels)
        across = max(multiple, math.floor(width / shrink / multiple) * multiple)
        down = max(multiple, math.floor(height / shrink / multiple) * multiple)
    elif across * down < min_pixels:
        grow = math.sqrt(min_pixels / (width * height))
        across = math.ceil(width * grow / multiple) * multiple
        down = math.ceil(height * grow / multiple) * multiple
    return across, down


def qwen2_5_vl(
    *, min_pixels: int = 56 * 56, max_pixels: int = 14 * 14 * 4 * 16384, multiple: int = 28
) -> Convention:
    """Qwen2.5-VL: pixels of the resized picture.

    The limits are those of the checkpoint's preprocessor_config.json, or the pixel limits that the
    answers were generated with; with others every coordinate of a resized picture is off.
    """

    def resized(width: int, height: int) -> tuple[float, float]:
        return smart_resize(
            width, height, multiple=multiple, min_pixels=min_pixels, max_pixels=max_pixels
        )

    return Convention(name="Qwen2.5-VL", read=_bracketed, extent=resized)


def _bracketed(text: str) -> list[Shape]:
    return [
        tuple(float(number) for number in match.groups() if number is not None)
        for match in BRACKETS.finditer(text)
    ]


def _paligemma(text: str) -> list[Shape]:
    """The order is y0, x0, y1, x1."""
    found = (tuple(map(float, match.groups())) for match in PALIGEMMA_BOX.finditer(text))
    return [(x0, y0, x1, y1) for y0, x0, y1, x1 in found]


def _florence(text: str) -> list[Shape]:
    """A bin stands for its middle."""
    return [
        tuple(float(number) + 0.5 for number in match.groups())
        for match in FLORENCE_BOX.finditer(text)
    ]


def _molmo(text: str) -> list[Shape]:
    points = (
        (_float(point[2]), _float(point[3]))
        for tag in MOLMO_TAG.finditer(text)
        for point in MOLMO_POINT.finditer(tag[1])
    )
    return [(x, y) for x, y in points if x is not None and y is not None]


def _float(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:  # two points in a number
        return None


def _kosmos(text: str) -> list[Shape]:
    """Upper left and lower right patch; the middles of the two, or all of them in one line."""
    shapes: list[Shape] = []
    for match in KOSMOS_BOX.finditer(text):
        (y0, x0), (y1, x1) = (divmod(int(index), KOSMOS_PATCHES) for index in match.groups())
        near, far = (0.0, 1.0) if x0 == x1 or y0 == y1 else (0.5, 0.5)
        shapes.append((x0 + near, y0 + near, x1 + far, y1 + far))
    return shapes


def _square(units: float) -> Callable[[int, int], tuple[float, float]]:
    """So many units across and down, whatever the picture's size."""

    def extent(width: int, height: int) -> tuple[float, float]:
        return units, units

    return extent


def _same(width: int, height: int) -> tuple[float, float]:
    return width, height


PIXELS = Convention(name="pixels", read=_bracketed, extent=_same)
FRACTIONS = Convention(name="fractions", read=_bracketed, extent=_square(1))
QWEN2_VL = Convention(name="Qwen2-VL", read=_bracketed, extent=_square(1000))
QWEN2_5_VL = qwen2_5_vl()
QWEN3_VL = Convention(name="Qwen3-VL", read=_bracketed, extent=_square(1000))
INTERNVL = Convention(name="InternVL", read=_bracketed, extent=_square(1000))
PALIGEMMA = Convention(name="PaliGemma", read=_paligemma, extent=_square(1024))
FLORENCE = Convention(name="Florence-2", read=_florence, extent=_square(1000))
MOLMO = Convention(name="Molmo", read=_molmo, extent=_square(100))
KOSMOS = Convention(name="Kosmos-2", read=_kosmos, extent=_square(KOSMOS_PATCHES))
