"""Pictures resized to a grid that the inputs tell: Qwen-VL, GLM-V and their like."""

from __future__ import annotations

from pytest_vlm.engine.relevance.placing.shown import Boxes, Shown
from pytest_vlm.heatmap.heatmap import grid_boxes


def gridded_pictures(shown: Shown) -> list[list[Boxes]]:
    """``image_grid_thw`` has the patches of each picture; `merge_size` squared make a token."""
    merge = shown.number("merge_size")
    grids = iter(shown.inputs["image_grid_thw"].tolist())
    placed = []
    for sizes in shown.sizes:
        cut = [(size, next(grids)) for size in sizes]
        placed.append(
            [grid_boxes((r // merge, c // merge), (0.0, 0.0, *size)) for size, (_, r, c) in cut]
        )
    return placed
