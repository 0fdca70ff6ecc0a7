"""From an encoded picture to its upright size or its pixels, or a reason why not.

What is taken: PNG, JPEG, WebP, GIF, BMP, TIFF, AVIF, JPEG 2000 and PNM of at most `MAX_BYTES` and
`MAX_PIXELS`. An animation is its first frame. EXIF turns a picture upright where it stands before
the pixels. CMYK becomes RGB by Pillow's plain conversion, without its colour profile; transparency
is dropped, as the image processors of transformers drop it; 16-bit grey is scaled to 8 bits.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO, cast

from pytest_vlm.evaluation import picture_header

if TYPE_CHECKING:
    from PIL.Image import Image as PILImage
    from PIL.ImageFile import ImageFile

MAX_BYTES = 512 * 2**20
MAX_PIXELS = 178_956_970  # where Pillow refuses too; twice the number from which on it warns
MAX_TIFF_PIXELS = MAX_PIXELS // 2  # Pillow warns once more when it loads a TIFF
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "JPEG2000", "PPM")

EXIF_ORIENTATION = 0x0112
TURNED = (5, 6, 7, 8)
TIFF_WIDTH, TIFF_HEIGHT = 256, 257
SIXTEEN_TO_EIGHT_BITS = 257


def upright_size(stream: BinaryIO) -> tuple[int, int]:
    """(width, height) in pixels as a viewer shows it; only the header is read.

    Raises:
        ValueError: no picture, or one that is too large.
    """
    size = picture_header.plain_size(stream.read(picture_header.LONGEST))
    if size is not None:
        _check_pixels(size, MAX_PIXELS)
        return size
    stream.seek(0)
    with _identified(stream) as picture:
        # Pillow gives the size of a turned TIFF as stored or as shown, depending on its version.
        tiff = getattr(picture, "tag_v2", None)
        size = (tiff[TIFF_WIDTH], tiff[TIFF_HEIGHT]) if tiff else picture.size
        return (size[1], size[0]) if _orientation(picture) in TURNED else (size[0], size[1])


def decode(stream: BinaryIO) -> PILImage:
    """The RGB pixels, upright.

    Raises:
        ValueError: no picture, a broken one, or one that is too large.
    """
    from PIL import Image as Pillow
    from PIL import ImageOps

    with _identified(stream) as picture:
        # Pillow keeps what it has read: what stands behind a PNG's pixels does not count.
        turned = _orientation(picture) != 1
        upright: Pillow.Image = ImageOps.exif_transpose(picture) if turned else picture
        if upright.mode == "F" or (upright.mode == "I" and _beyond_sixteen_bits(upright)):
            raise ValueError("32-bit pixels have no agreed white; save it with 8 or 16 bits")
        if upright.mode.startswith("I"):  # Pillow's conversion would clip at 255
            upright = upright.point(lambda value: value / SIXTEEN_TO_EIGHT_BITS).convert("L")
        if upright.mode == "P":  # the direct way to RGB warns of transparency
            upright = upright.convert("RGBA")
        pixels = upright.convert("RGB")
        pixels.info.clear()  # its profile and its EXIF describe the file, not these pixels
        return pixels


@contextmanager
def _identified(stream: BinaryIO) -> Iterator[ImageFile]:
    """The picture with its header read. Whatever a decoder raises on broken bytes is a refusal."""
    try:
        with _open(stream) as picture:
            tiff = picture.format == "TIFF"
            _check_pixels(picture.size, MAX_TIFF_PIXELS if tiff else MAX_PIXELS)
            yield picture
    except MemoryError:  # nothing is wrong with the picture
        raise
    except Exception as error:
        raise ValueError(str(error) or type(error).__name__) from error


def _check_pixels(size: tuple[int, int], most: int) -> None:
    width, height = size
    if not 0 < width * height <= most:
        raise ValueError(f"{width}x{height} px; at most {most:,} pixels are decoded")


def _open(stream: BinaryIO) -> ImageFile:
    """`PIL.Image.open` without its warning of large pictures, which threads cannot silence."""
    from PIL import Image as Pillow

    prefix = stream.read(16)
    if not prefix:
        raise ValueError("it is empty (0 bytes)")
    for register in (Pillow.preinit, Pillow.init):
        register()
        for form in FORMATS:
            factory, accept = Pillow.OPEN.get(form, (None, None))
            if factory is None or accept is None or accept(prefix) is not True:
                continue
            stream.seek(0)
            try:
                return factory(stream, "")
            except (SyntaxError, IndexError, TypeError, struct.error):
                continue  # as Pillow does: another format may know it
    raise ValueError(f"not a picture that can be read; known are {', '.join(FORMATS)}")


def _orientation(picture: ImageFile) -> int:
    """The EXIF orientation, 1 to 8. A PNG's own `getexif` would decode all of its pixels."""
    from PIL import Image as Pillow

    try:
        return int(Pillow.Image.getexif(picture).get(EXIF_ORIENTATION, 1))
    except Exception:  # broken EXIF says nothing
        return 1


def _beyond_sixteen_bits(picture: PILImage) -> bool:
    lowest, highest = cast(tuple[int, int], picture.getextrema())
    return lowest < 0 or highest >= 2**16
