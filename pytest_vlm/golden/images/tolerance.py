"""How far a picture may be from its golden."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pytest_vlm.errors import GoldenError

WINDOW = 8


@dataclass(frozen=True, kw_only=True)
class ImageTolerance:
    """The limits; mode, depth and size are never tolerated.

    Attributes:
        level: the largest difference of one channel that does not count, in the picture's own
            levels: of 255 with 8 bits, of 65535 with 16.
        share: of the pixels that may differ by more.
        region: how many of these may lie in one window of 8x8 pixels, whatever their share.
        moved_edges: compare smoothed pictures (σ = 1), and let each pixel differ by what its 3x3
            neighbours differ among themselves, in the picture where that is less. Edges that moved
            by up to half a pixel pass; what appears, vanishes or changes its colour does not,
            unless it is as small as one pixel beside a strong edge, or a stroke of one letter.

    Raises:
        GoldenError: a limit that cannot be meant.
    """

    level: int = 0
    share: float = 0.0
    region: int = 0
    moved_edges: bool = False

    def __post_init__(self) -> None:
        ranges = {"level": 65535, "share": 1, "region": WINDOW**2}
        for name, most in ranges.items():
            limit = getattr(self, name)
            if not 0 <= limit <= most:
                raise GoldenError(f"{name}={limit} is no limit; it lies from 0 to {most}")


EXACT = ImageTolerance()
SCREENSHOT = ImageTolerance(level=2, share=0.001, region=6, moved_edges=True)
NAMED: Mapping[str, ImageTolerance] = {"exact": EXACT, "screenshot": SCREENSHOT}


def image_tolerance_of(given: ImageTolerance | str) -> ImageTolerance:
    """A tolerance, or the one with that name.

    Raises:
        GoldenError: no such name.
    """
    if isinstance(given, ImageTolerance):
        return given
    if given not in NAMED:
        known = ", ".join(NAMED)
        raise GoldenError(f"tolerance={given!r} is none of {known}, and no ImageTolerance")
    return NAMED[given]
