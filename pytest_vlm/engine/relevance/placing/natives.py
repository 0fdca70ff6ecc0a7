"""Pictures of any size in their own proportions: Pixtral and Mistral 3.

A break token ends each row, which is another token than the picture's.
"""

from __future__ import annotations

from pytest_vlm.engine.relevance.placing.shown import Boxes, Shown
from pytest_vlm.errors import RelevanceUnavailable
from pytest_vlm.heatmap.heatmap import grid_boxes

MOST_MERGED = 8


def native_pictures(shown: Shown) -> list[list[Boxes]]:
    """``image_sizes`` has the (height, width) in pixels that each picture was resized to.

    Raises:
        RelevanceUnavailable: no number of merged patches gives the tokens that there are.
    """
    told = shown.processor.patch_size
    patch = told if isinstance(told, int) else int(dict(told)["height"])
    resized = iter(shown.inputs["image_sizes"].tolist())
    wanted = [[(size, next(resized)) for size in sizes] for sizes in shown.sizes]
    for unit in range(patch, patch * MOST_MERGED + 1, patch):
        grids = [[(size, (h // unit, w // unit)) for size, (h, w) in row] for row in wanted]
        if [sum(rows * columns for _, (rows, columns) in row) for row in grids] == shown.tokens:
            return [[grid_boxes(grid, (0.0, 0.0, *size)) for size, grid in row] for row in grids]
    raise RelevanceUnavailable(
        f"{shown.tokens} image tokens fit no merging of patches of {patch} pixels"
    )
