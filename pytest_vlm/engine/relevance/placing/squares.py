"""Pictures of one square each, resized, cropped or padded to it: LLaVA-1.5, PaliGemma, Gemma 3."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from pytest_vlm.engine.relevance.placing.boxes import Area, clipped, nowhere, square_of_patches
from pytest_vlm.engine.relevance.placing.shown import Boxes, Shown, Size, share, square_side


def square_pictures(shown: Shown) -> list[list[Boxes]]:
    """Every picture has as many tokens as the others; one may lead them, a class token.

    Raises:
        RelevanceUnavailable: the tokens form no square.
    """
    tokens = share(sum(shown.tokens), shown.pictures, "pictures")
    leading = int(math.isqrt(tokens) ** 2 == tokens - 1 > 0)
    side, pixels = square_side(tokens - leading), int(shown.inputs["pixel_values"].shape[-1])

    def placed(size: Size) -> Boxes:
        cells = square_of_patches(side, pixels, seen_area(size, shown.processor))
        return np.concatenate([nowhere(leading), clipped(cells, size)])

    return [[placed(size) for size in sizes] for sizes in shown.sizes]


def seen_area(size: Size, processor: Any) -> Area:
    """The part of a picture that its square shows, in its own pixels; it may reach beyond it."""
    width, height = size
    if getattr(processor, "do_pad", False) and hasattr(processor, "pad_to_square"):
        longest = max(size)
        left, top = (longest - width) // 2, (longest - height) // 2
        return (-left, -top, longest - left, longest - top)
    crop = _edges(getattr(processor, "crop_size", None))
    if not getattr(processor, "do_center_crop", False) or crop is None:
        return (0, 0, width, height)
    resized = _resized(size, processor)
    scale_x, scale_y = width / resized[0], height / resized[1]
    left, top = (resized[0] - crop[0]) // 2, (resized[1] - crop[1]) // 2
    return (left * scale_x, top * scale_y, (left + crop[0]) * scale_x, (top + crop[1]) * scale_y)


def _resized(size: Size, processor: Any) -> Size:
    if not getattr(processor, "do_resize", True):
        return size
    told = dict(processor.size or {})
    shortest = told.get("shortest_edge")
    if shortest is None:
        return _edges(told) or size
    width, height = size
    if width <= height:
        return int(shortest), int(shortest * height / width)
    return int(shortest * width / height), int(shortest)


def _edges(told: Any) -> Size | None:
    """Width and height of what an image processor says of a size; None where it says neither."""
    edges = dict(told) if told else {}
    if edges.get("shortest_edge"):
        return int(edges["shortest_edge"]), int(edges["shortest_edge"])
    if edges.get("width") and edges.get("height"):
        return int(edges["width"]), int(edges["height"])
    return None
