"""What a movement by less than a pixel explains: text that is drawn half a pixel further.

Its edges change by more than half of the contrast, so that no threshold on levels tells them from
another word. But smoothed, a picture that moves a little changes by no more than what lies around
each pixel; what appears, vanishes or changes its colour changes by more.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pytest_vlm.golden.images.pixels import Levels

ADDED = 4  # times two neighbours are added: the weights 1 4 6 4 1, close to a Gaussian of σ = 1
WEIGHT = 2 ** (2 * ADDED)
REACH = ADDED // 2 + 1  # pixels around one that decide on it

Whole = NDArray[np.unsignedinteger]


def beyond_moved_edges(a: Levels, b: Levels, level: int) -> NDArray[np.bool_]:
    """(height, width, channels), where two pictures differ by more than a movement explains.

    A smoothed value may differ by the range of its 3x3 neighbours, in the picture where that is
    smaller, and by a level beyond.
    """
    smooth_a, smooth_b = _smoothed(a), _smoothed(b)
    explained = np.minimum(_range(smooth_a), _range(smooth_b))
    distance = np.maximum(smooth_a, smooth_b) - np.minimum(smooth_a, smooth_b)
    # Whole numbers without a sign: what is explained is cut off before it is subtracted.
    beyond: NDArray[np.bool_] = distance - np.minimum(distance, explained) > level * WEIGHT
    return beyond


def _smoothed(values: Levels) -> Whole:
    """Weights 1 4 6 4 1 along both axes, not divided by their sum: exact whole numbers."""
    wide = np.uint16 if values.dtype == np.uint8 else np.uint32  # the sum takes 8 more bits
    half = ADDED // 2
    total = np.pad(values.astype(wide), ((half, half), (half, half), (0, 0)), mode="edge")
    for _ in range(ADDED):
        total = total[1:] + total[:-1]
    for _ in range(ADDED):
        total = total[:, 1:] + total[:, :-1]
    return total


def _range(values: Whole) -> Whole:
    """Largest minus smallest of each pixel and its eight neighbours."""
    high: Whole = np.pad(values, ((1, 1), (1, 1), (0, 0)), mode="edge")
    low = high
    for _ in range(2):
        high, low = np.maximum(high[1:], high[:-1]), np.minimum(low[1:], low[:-1])
    for _ in range(2):
        high = np.maximum(high[:, 1:], high[:, :-1])
        low = np.minimum(low[:, 1:], low[:, :-1])
    return high - low
