"""A map as the bytes of an ``.npz``: values as they are, boxes as places among their edges."""

from __future__ import annotations

import zipfile
import zlib
from io import BytesIO

import numpy as np
from numpy.typing import NDArray

from pytest_vlm.heatmap.heatmap import Heatmap

UNREADABLE = (  # what numpy, zipfile and zlib raise on damaged bytes
    OSError,
    ValueError,
    KeyError,
    TypeError,
    IndexError,
    EOFError,
    RuntimeError,
    zipfile.BadZipFile,
    zlib.error,
)


def pack(heatmap: Heatmap) -> bytes:
    """``values`` (n,); ``edges``: every coordinate that occurs; ``cells`` (6, n): the places of x0,
    y0, x1, y1 among the edges, then media and frame.

    Cells share their edges, in a grid and in tiles alike, so that the places compress to little.
    """
    edges, places = np.unique(heatmap.boxes, return_inverse=True)
    cells = np.stack([*places.reshape(-1, 4).T, heatmap.media, heatmap.frame])
    small = np.result_type(np.min_scalar_type(cells.min()), np.min_scalar_type(cells.max()))
    buffer = BytesIO()
    np.savez_compressed(
        buffer, values=heatmap.values, edges=edges, cells=np.ascontiguousarray(cells, dtype=small)
    )
    return buffer.getvalue()


def unpack(
    data: bytes, *, method: str, layers: tuple[int, ...], span: tuple[int, int] | None
) -> Heatmap:
    """The inverse of `pack`.

    Raises:
        ValueError: not what `pack` wrote, or values that are no map's.
    """
    try:
        with np.load(BytesIO(data), allow_pickle=False) as arrays:
            values, edges, cells = arrays["values"], arrays["edges"], arrays["cells"]
        boxes = edges[cells[:4].T]
        media, frame = cells[4].astype(np.int32), cells[5].astype(np.int32)
    except UNREADABLE as error:
        raise ValueError(f"no map of a golden: {error}") from error
    return Heatmap(
        values=_float32(values),
        boxes=_float32(boxes),
        media=media,
        frame=frame,
        method=method,
        layers=layers,
        span=span,
    )


def _float32(array: NDArray[np.float32]) -> NDArray[np.float32]:
    if array.dtype != np.float32:
        raise ValueError(f"its numbers are {array.dtype}, not float32")
    return array
