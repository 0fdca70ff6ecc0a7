"""Colour scales for numbers: even steps look even.

The stops lie at equal distances. `SEQUENTIAL` is inferno, by Smith and van der Walt (matplotlib):
its lightness grows evenly from black to a light yellow, so that it orders values also in grey and
for the colour-blind. `DIVERGING` goes from blue over a neutral grey to red.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Colour = tuple[int, int, int]
Scale = tuple[Colour, ...]

SEQUENTIAL: Scale = (
    (0, 0, 4),
    (40, 11, 83),
    (101, 21, 110),
    (159, 42, 99),
    (212, 72, 66),
    (245, 125, 21),
    (250, 193, 39),
    (252, 255, 164),
)
DIVERGING: Scale = (
    (18, 74, 160),
    (76, 136, 202),
    (158, 189, 222),
    (226, 226, 226),
    (230, 164, 140),
    (208, 88, 76),
    (160, 18, 40),
)


def colours_of(shares: NDArray[np.floating], scale: Scale) -> NDArray[np.float32]:
    """(..., 3) colours, 0 to 255, of shares 0 to 1 of a scale; beyond its ends, its ends."""
    steps = 256  # an even number, so that the middle of a scale is hit
    table = np.stack(
        [
            np.interp(np.linspace(0, 1, steps + 1), np.linspace(0, 1, len(scale)), channel)
            for channel in np.asarray(scale, dtype=np.float64).T
        ],
        axis=-1,
    ).astype(np.float32)
    places = np.clip(shares * steps + 0.5, 0, steps).astype(np.intp)
    colours: NDArray[np.float32] = table[places]
    return colours


def number(value: float) -> str:
    """Two digits of it, in few letters: ``0.031``, ``1.2e-5``, ``340``.

    >>> number(0.0307), number(0.0000123), number(1), number(0)
    ('0.031', '1.2e-5', '1', '0')
    """
    text = f"{value:.2g}" if abs(value) < 100 else f"{value:.0f}"
    return text.replace("e-0", "e-").replace("e+0", "e")
