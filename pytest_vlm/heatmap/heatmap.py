"""A relevance map: how much each part of the image mattered for the answer."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pytest_vlm.evaluation.samples import Region, Sample


@dataclass(frozen=True, kw_only=True)
class Peak:
    """The centre of a map's largest cell, in original pixels."""

    x: float
    y: float
    media: int
    frame: int

    def lies_in(self, region: Region) -> bool:
        """Whether the point is inside the region, borders at x0 and y0 included."""
        x0, y0, x1, y1 = region.box
        same = (self.media, self.frame) == (region.media, region.frame)
        return same and x0 <= self.x < x1 and y0 <= self.y < y1


@dataclass(frozen=True, kw_only=True, eq=False)
class Heatmap:
    """Cells with values and with boxes in original pixels.

    Tiled models have no single grid, so a map is a list of cells; a plain grid is the special case.

    Attributes:
        values: (n,) float32, finite and not negative.
        boxes: (n, 4) float32: x0, y0, x1, y1 in pixels of the original image.
        media: (n,) int32: which image or video of the sample a cell lies in.
        frame: (n,) int32: which frame, for a video.
        method: how it was made, e.g. ``"attention"``.
        layers: of the decoder that it was read from; empty for a method that reads none.
        span: start and end, in characters of the completion's raw text, of the answer that it
            explains; None where nobody knows.
        sample: whose answer it explains; None for a map that was made by hand.

    Raises:
        ValueError: shapes that do not fit, no cells, or values that are not finite.
    """

    values: NDArray[np.float32]
    boxes: NDArray[np.float32]
    media: NDArray[np.int32]
    frame: NDArray[np.int32]
    method: str
    layers: tuple[int, ...] = ()
    span: tuple[int, int] | None = None
    sample: Sample | None = None

    def __post_init__(self) -> None:
        n = self.values.size
        shapes = (self.values.shape, self.boxes.shape, self.media.shape, self.frame.shape)
        if n == 0 or shapes != ((n,), (n, 4), (n,), (n,)):
            raise ValueError(f"a heatmap needs n cells, found the shapes {shapes}")
        if not np.isfinite(self.boxes).all():
            raise ValueError("the boxes of a heatmap must be finite")
        if not np.isfinite(self.values).all() or self.values.min() < 0:
            raise ValueError("the values of a heatmap must be finite and not negative")

    @classmethod
    def of_cells(
        cls,
        values: ArrayLike,
        boxes: ArrayLike,
        *,
        method: str,
        media: ArrayLike = 0,
        frame: ArrayLike = 0,
    ) -> Self:
        """A map of any cells.

        Args:
            values: n numbers, of any shape.
            boxes: (n, 4) x0, y0, x1, y1 in pixels of the original image.
            method: how it was made.
            media: (n,) which image or video of the sample each lies in, or one number for all.
            frame: (n,) which frame, likewise.

        Raises:
            ValueError: as `Heatmap`.
        """
        flat = np.asarray(values, dtype=np.float32).ravel()
        return cls(
            values=flat,
            boxes=np.asarray(boxes, dtype=np.float32).reshape(-1, 4),
            media=np.broadcast_to(np.asarray(media, dtype=np.int32), flat.shape).copy(),
            frame=np.broadcast_to(np.asarray(frame, dtype=np.int32), flat.shape).copy(),
            method=method,
        )

    @classmethod
    def of_grid(
        cls, values: ArrayLike, *, size: tuple[float, float], method: str, media: int = 0
    ) -> Self:
        """A grid that covers an image.

        Args:
            values: (rows, columns).
            size: width and height of the image, in pixels.
            method: how it was made.
            media: which image or video of the sample it is.

        Raises:
            ValueError: as `Heatmap`, or values of another shape.
        """
        grid = np.asarray(values, dtype=np.float32)
        rows, columns = grid.shape
        boxes = grid_boxes((rows, columns), (0.0, 0.0, *size))
        return cls.of_cells(grid, boxes, method=method, media=media)

    @property
    def shape(self) -> tuple[int, int] | None:
        """(rows, columns) where the cells are one row-major grid, else None."""
        if np.any(self.media != self.media[0]) or np.any(self.frame != self.frame[0]):
            return None
        columns = int(np.unique(self.boxes[:, 0]).size)
        rows = int(np.unique(self.boxes[:, 1]).size)
        if rows * columns != self.values.size:
            return None
        ordered = np.lexsort((self.boxes[:, 0], self.boxes[:, 1]))
        return (rows, columns) if np.array_equal(ordered, np.arange(ordered.size)) else None

    def on(self, media: int, frame: int = 0) -> Heatmap | None:
        """The cells of one picture, or None where there are none."""
        chosen = (self.media == media) & (self.frame == frame)
        if not chosen.any():
            return None
        return replace(
            self,
            values=self.values[chosen],
            boxes=self.boxes[chosen],
            media=self.media[chosen],
            frame=self.frame[chosen],
        )

    def peak(self) -> Peak | None:
        """The largest cell's centre; None where several cells are the largest."""
        largest = np.flatnonzero(self.values == self.values.max())
        if largest.size != 1:
            return None
        i = int(largest[0])
        x0, y0, x1, y1 = (float(edge) for edge in self.boxes[i])
        return Peak(
            x=(x0 + x1) / 2, y=(y0 + y1) / 2, media=int(self.media[i]), frame=int(self.frame[i])
        )


def grid_boxes(
    grid: tuple[int, int], area: tuple[float, float, float, float]
) -> NDArray[np.float32]:
    """(rows·columns, 4) boxes that tile the area x0, y0, x1, y1 in row-major order."""
    rows, columns = grid
    x0, y0, x1, y1 = area
    xs = np.linspace(x0, x1, columns + 1)
    ys = np.linspace(y0, y1, rows + 1)
    left, top = np.meshgrid(xs[:-1], ys[:-1])
    right, bottom = np.meshgrid(xs[1:], ys[1:])
    return np.stack([left, top, right, bottom], axis=-1).reshape(-1, 4).astype(np.float32)
