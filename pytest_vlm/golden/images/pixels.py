"""A picture's pixels as they are stored: no mode, depth or transparency is converted away.

Two readings are exact and lose nothing: grey of 2 and 4 bits is read as 8 bits, and the numbers of
a palette as their colours. A colour profile, EXIF and text describe a file, not its pixels, and do
not count.
"""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngImageFile

from pytest_vlm.evaluation.pictures import MAX_PIXELS

LARGEST = MAX_PIXELS // 2  # pixels; beyond them Pillow warns whoever opens it
SIGNATURE = b"\x89PNG\r\n\x1a\n"
KINDS = {
    "1": "1-bit grey",
    "L": "8-bit grey",
    "LA": "8-bit grey with alpha",
    "I;16": "16-bit grey",
    "RGB": "8-bit RGB",
    "RGBA": "8-bit RGB with alpha",
}
SIXTEEN_BIT_GREY = ("I", "I;16", "I;16B", "I;16L", "I;16N")
# Pillow keeps the high bytes of 16-bit colour only. Read once more with the bytes in the other
# order, it gives the low ones; grey with alpha is as long as four 8-bit channels.
SIXTEEN_BIT_COLOUR = {
    "RGB;16B": ("16-bit RGB", ("RGB;16B", "RGB;16L")),
    "RGBA;16B": ("16-bit RGB with alpha", ("RGBA;16B", "RGBA;16L")),
    "LA;16B": ("16-bit grey with alpha", ("RGBA",)),
}

Levels = NDArray[np.uint8] | NDArray[np.uint16]


@dataclass(frozen=True, kw_only=True, eq=False)
class Pixels:
    """The pixels of a picture.

    Attributes:
        kind: mode and depth in words; pixels of two kinds are never equal.
        values: (height, width, channels), 8 or 16 bits; alpha is the last channel.
    """

    kind: str
    values: Levels

    @classmethod
    def of_png(cls, content: bytes) -> Pixels:
        """Decode a PNG.

        Raises:
            ValueError: not a PNG, a broken or animated one, or one that is too large.
        """
        if not content.startswith(SIGNATURE):
            raise ValueError("it is no PNG; other formats lose pixels or change with their decoder")
        try:
            with PngImageFile(BytesIO(content)) as picture:
                _check_size(picture.size)
                _check_still(picture)
                kind, rawmodes = SIXTEEN_BIT_COLOUR.get(_rawmode(picture), ("", ()))
                if not kind:
                    return cls.of_image(picture)
                planes = [_read_as(content, rawmode) for rawmode in rawmodes]
                if len(planes) == 1:
                    planes = [planes[0][..., 0::2], planes[0][..., 1::2]]
                values = planes[0] * np.uint16(256) + planes[1]
                return cls._with_transparent_colour(kind, values, picture)
        except (OSError, SyntaxError, IndexError, TypeError, EOFError) as error:
            raise ValueError(f"it cannot be decoded ({error or type(error).__name__})") from error

    @classmethod
    def of_image(cls, image: Image.Image) -> Pixels:
        """Read a picture in memory.

        Raises:
            ValueError: it has several frames, cannot be loaded, or is of a mode that no PNG keeps.
        """
        _check_size(image.size)
        _check_still(image)
        if _rawmode(image) in SIXTEEN_BIT_COLOUR:
            raise ValueError("Pillow would load 8 of its 16 bits; give the file's path instead")
        try:
            image.load()
        except (OSError, SyntaxError) as error:
            raise ValueError(f"it cannot be decoded ({error})") from error
        if image.mode == "P":
            coloured = image.convert("RGBA" if image.has_transparency_data else "RGB")
            kind = "palette with alpha" if coloured.mode == "RGBA" else "palette"
            return cls(kind=kind, values=np.asarray(coloured))
        if image.mode in SIXTEEN_BIT_GREY:
            values = np.asarray(image)
            if values.min() < 0 or values.max() > np.iinfo(np.uint16).max:
                raise ValueError("its 32-bit pixels do not fit in the 16 bits of a PNG")
            values = values.astype(np.uint16)
            return cls._with_transparent_colour(KINDS["I;16"], values[..., None], image)
        if image.mode not in KINDS:
            known = ", ".join(("P", *KINDS))
            raise ValueError(f"a PNG keeps no pixels of mode {image.mode}; known are {known}")
        values = np.asarray(image.convert("L") if image.mode == "1" else image)
        values = values if values.ndim == 3 else values[..., None]
        return cls._with_transparent_colour(KINDS[image.mode], values, image)

    @classmethod
    def _with_transparent_colour(cls, kind: str, values: Levels, image: Image.Image) -> Pixels:
        """Of a picture without alpha, one colour may be transparent: its alpha then says so."""
        colour = image.info.get("transparency")
        if colour is None or "alpha" in kind:
            return cls(kind=kind, values=values)
        top = np.iinfo(values.dtype).max
        alpha = np.where((values == np.atleast_1d(colour)).all(axis=-1, keepdims=True), 0, top)
        stacked = np.concatenate([values, alpha.astype(values.dtype)], axis=-1)
        return cls(kind=f"{kind}, {colour} transparent", values=stacked)

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels."""
        height, width, _ = self.values.shape
        return width, height

    @property
    def top(self) -> int:
        """The largest value a channel can have."""
        return int(np.iinfo(self.values.dtype).max)

    @property
    def has_alpha(self) -> bool:
        """Whether the last channel is alpha."""
        return self.values.shape[2] in (2, 4)


def _check_size(size: tuple[int, int]) -> None:
    width, height = size
    if not 0 < width * height <= LARGEST:
        raise ValueError(f"{width}x{height} px; a golden has 1 to {LARGEST:,} pixels")


def _check_still(picture: Image.Image) -> None:
    frames = int(getattr(picture, "n_frames", 1))
    if frames > 1:
        raise ValueError(f"it is an animation of {frames} frames; give one of them")


def _rawmode(picture: Image.Image) -> str:
    """How the file lays out its pixels; empty once they are loaded."""
    tile = getattr(picture, "tile", ())
    args = tile[0][3] if tile else ""
    return args if isinstance(args, str) else ""


def _read_as(content: bytes, rawmode: str) -> NDArray[np.uint8]:
    with PngImageFile(BytesIO(content)) as picture:
        decoder, extents, offset, _ = picture.tile[0]
        picture.tile = [type(picture.tile[0])(decoder, extents, offset, rawmode)]
        return np.asarray(picture)
