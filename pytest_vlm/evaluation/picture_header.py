"""The size of a picture from its first bytes, where nothing in the file can turn it.

This spares a run that decodes nothing the import of Pillow, and the opening of each file by it.
Whatever is not plain (EXIF, XMP, a chunk that is not known here, another format) is left to Pillow.

Sources: the PNG specification (W3C, third edition), ITU-T T.81 annex B, RFC 9649 (WebP).
"""

from __future__ import annotations

import struct

LONGEST = 16 * 2**10
PNG = b"\x89PNG\r\n\x1a\n"
PLAIN_CHUNKS = frozenset(
    [b"PLTE", b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"sBIT", b"bKGD", b"pHYs", b"tIME"]
)
PLAIN_SEGMENTS = frozenset([0xC4, 0xDB, 0xDD, 0xE0, 0xE2, 0xED, 0xEE, 0xFE])  # APP1 holds the EXIF
FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
WEBP_EXIF_OR_XMP = 0b1100
FOURTEEN_BITS = 2**14 - 1


def plain_size(header: bytes) -> tuple[int, int] | None:
    """(width, height) of a PNG, JPEG or WebP file by its first `LONGEST` bytes; None if unsure."""
    try:
        if header.startswith(PNG):
            return _png(header)
        if header.startswith(b"\xff\xd8"):
            return _jpeg(header)
        if header.startswith(b"RIFF") and header[8:12] == b"WEBP":
            return _webp(header)
    except (struct.error, IndexError):  # it ends before the size
        pass
    return None


def _png(header: bytes) -> tuple[int, int] | None:
    first, width, height = struct.unpack_from(">4sII", header, len(PNG) + 4)
    if first != b"IHDR":
        return None
    at = len(PNG) + 25
    while True:
        length, kind = struct.unpack_from(">I4s", header, at)
        if kind == b"IDAT":
            return width, height
        if kind not in PLAIN_CHUNKS:
            return None
        at += 12 + length


def _jpeg(header: bytes) -> tuple[int, int] | None:
    at = 2
    while True:
        start, marker, length = struct.unpack_from(">BBH", header, at)
        if start == 0xFF and marker in FRAMES:
            height, width = struct.unpack_from(">HH", header, at + 5)
            return width, height
        if start != 0xFF or marker not in PLAIN_SEGMENTS:
            return None
        at += 2 + length


def _webp(header: bytes) -> tuple[int, int] | None:
    match header[12:16]:
        case b"VP8X" if not header[20] & WEBP_EXIF_OR_XMP:
            low_width, high_width, low_height, high_height = struct.unpack_from("<HBHB", header, 24)
            return (high_width << 16 | low_width) + 1, (high_height << 16 | low_height) + 1
        case b"VP8L" if header[20] == 0x2F:
            (bits,) = struct.unpack_from("<I", header, 21)
            return (bits & FOURTEEN_BITS) + 1, (bits >> 14 & FOURTEEN_BITS) + 1
        case b"VP8 " if header[23:26] == b"\x9d\x01\x2a":
            width, height = struct.unpack_from("<HH", header, 26)
            return width & FOURTEEN_BITS, height & FOURTEEN_BITS
    return None
