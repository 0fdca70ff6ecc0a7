"""Where the image tokens of a prompt lie in the original pictures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from pytest_vlm.errors import RelevanceUnavailable
from pytest_vlm.heatmap.heatmap import Heatmap, grid_boxes

Cells = tuple[int, NDArray[np.float32]]


def _picture_cells(
    size: tuple[int, int], tokens: int, grid: tuple[int, int] | None, image_processor: Any
) -> Cells:
    """The cells of one picture's tokens.

    Args:
        size: original width and height.
        tokens: image tokens of this picture.
        grid: (rows, columns) where the model says so (Qwen-VL), else None: a square is expected.
        image_processor: says whether the picture was cropped before it was cut into patches.

    Returns:
        Number of leading tokens without a place (a class token), and (tokens, 4) boxes in pixels.

    Raises:
        RelevanceUnavailable: the tokens form no single grid.
    """
    if grid is not None:
        return 0, grid_boxes(grid, (0.0, 0.0, *size))
    side = math.isqrt(tokens)
    leading = tokens - side * side
    if side == 0 or leading > 1:
        raise RelevanceUnavailable(f"{tokens} image tokens form no square grid")
    return leading, grid_boxes((side, side), _seen_area(size, image_processor))


def picture_grids(
    inputs: dict[str, torch.Tensor], pictures: int, image_processor: Any
) -> list[tuple[int, int] | None]:
    """(rows, columns) of each picture in the batch; None where the model uses one fixed square.

    Raises:
        RelevanceUnavailable: the model cuts pictures into tiles.
    """
    if "image_grid_thw" in inputs:
        merge = image_processor.merge_size
        return [
            (int(rows) // merge, int(columns) // merge)
            for _, rows, columns in inputs["image_grid_thw"].tolist()
        ]
    pixels = inputs.get("pixel_values")
    if pixels is None or pixels.dim() != 4 or pixels.shape[0] != pictures:
        raise RelevanceUnavailable(
            "this model cuts a picture into tiles, which are not located yet"
        )
    return [None] * pictures


def token_heatmap(
    values: np.ndarray[Any, Any],
    sizes: tuple[tuple[int, int], ...],
    grids: Sequence[tuple[int, int] | None],
    places: Sequence[tuple[int, int]],
    image_processor: Any,
) -> Heatmap:
    """The map of one sample's image tokens.

    Args:
        values: (tokens,) relevance of every image token, in order of the prompt.
        sizes: original (width, height) of each picture.
        grids: of `picture_grids`, for these pictures.
        places: the (medium, frame) that each picture is in its sample.
        image_processor: of the checkpoint.

    Raises:
        RelevanceUnavailable: the tokens form no single grid a picture.
    """
    kept, boxes, seen, start = [], [], [], 0
    for size, grid, place in zip(sizes, grids, places, strict=True):
        tokens = grid[0] * grid[1] if grid else values.size // len(sizes)
        leading, cells = _picture_cells(size, tokens, grid, image_processor)
        kept.append(values[start + leading : start + tokens])
        boxes.append(cells)
        seen += [place] * len(cells)
        start += tokens
    media, frame = zip(*seen, strict=True)
    return Heatmap.of_cells(
        np.concatenate(kept), np.concatenate(boxes), media=media, frame=frame, method="attention"
    )


def _seen_area(size: tuple[int, int], image_processor: Any) -> tuple[float, float, float, float]:
    width, height = size
    resized = _edges(getattr(image_processor, "size", None))
    crop = _edges(getattr(image_processor, "crop_size", None))
    if not getattr(image_processor, "do_center_crop", False) or crop is None or resized is None:
        return (0.0, 0.0, float(width), float(height))
    scale_x, scale_y = resized[0] / width, resized[1] / height
    if "shortest_edge" in dict(image_processor.size):
        scale_x = scale_y = image_processor.size["shortest_edge"] / min(width, height)
    seen_x, seen_y = crop[0] / scale_x, crop[1] / scale_y
    x0, y0 = (width - seen_x) / 2, (height - seen_y) / 2
    return (x0, y0, x0 + seen_x, y0 + seen_y)


def _edges(size: Any) -> tuple[float, float] | None:
    sizes = dict(size) if size else {}
    if "shortest_edge" in sizes:
        return float(sizes["shortest_edge"]), float(sizes["shortest_edge"])
    if "width" in sizes and "height" in sizes:
        return float(sizes["width"]), float(sizes["height"])
    return None
