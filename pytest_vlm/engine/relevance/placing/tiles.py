"""Pictures cut into tiles, with a thumbnail of the whole behind them: Idefics 3, InternVL."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from pytest_vlm.engine.relevance.placing.boxes import square_of_patches
from pytest_vlm.engine.relevance.placing.shown import Boxes, Shown, Size, share, square_side
from pytest_vlm.errors import RelevanceUnavailable
from pytest_vlm.heatmap.heatmap import grid_boxes

Grid = tuple[int, int]
Run = tuple[int, int]


def marked_tiles(shown: Shown) -> list[list[Boxes]]:
    """Idefics 3 and SmolVLM: marker tokens stand between the tiles, so the prompt tells the grid.

    A tile's row and column stand before it; behind it there is a line feed if it ends its row of
    tiles, else what also stands behind a thumbnail.

    Raises:
        RelevanceUnavailable: the prompt's tiles are not those of the pictures.
    """
    side = _side(shown)
    placed = []
    for row, sizes in enumerate(shown.sizes):
        runs = shown.runs(row)
        if any(end - start != side * side for start, end in runs):
            raise RelevanceUnavailable(f"a tile of {side}x{side} tokens is broken in the prompt")
        ids = shown.inputs["input_ids"][row].tolist()
        pictures = _up_to_thumbnails(ids, runs)
        if len(pictures) != len(sizes):
            raise RelevanceUnavailable(f"{len(pictures)} thumbnails for {len(sizes)} pictures")
        grids = [_marked_grid(ids, own) for own in pictures]
        placed.append(_on_pictures(shown, sizes, grids, side))
    return placed


def counted_tiles(shown: Shown) -> list[list[Boxes]]:
    """InternVL and Aya Vision: the number of a picture's tiles tells the grid.

    Of all grids with so many tiles, the one nearest to the picture's proportions was taken.

    Raises:
        RelevanceUnavailable: the prompt's tiles are not those of the pictures.
    """
    side = _side(shown)
    placed = []
    for row, sizes in enumerate(shown.sizes):
        ids = shown.inputs["input_ids"][row].tolist()
        pictures = _up_to_thumbnails(ids, shown.runs(row))
        if len(pictures) != len(sizes):
            raise RelevanceUnavailable(f"{len(pictures)} thumbnails for {len(sizes)} pictures")
        grids = []
        for size, own in zip(sizes, pictures, strict=True):
            tokens = sum(end - start for start, end in own)
            if tokens % (side * side):
                raise RelevanceUnavailable(f"{tokens} image tokens in tiles of {side}x{side}")
            grids.append(_nearest(size, tokens // (side * side) - 1))
        placed.append(_on_pictures(shown, sizes, grids, side))
    return placed


def _side(shown: Shown) -> int:
    """Tokens along the edge of a tile."""
    return square_side(share(sum(shown.tokens), _tiles(shown.inputs), "tiles"))


def _tiles(inputs: dict[str, torch.Tensor]) -> int:
    """How many there are, without those that pad a batch."""
    pixels = inputs["pixel_values"]
    if pixels.dim() == 4:
        return len(pixels)
    seen = inputs.get("pixel_attention_mask", pixels)
    return int(seen.flatten(2).ne(0).any(-1).sum())


def _up_to_thumbnails(ids: Sequence[int], runs: Sequence[Run]) -> list[list[Run]]:
    """The unbroken runs of image tokens of each picture; the same token stands before the last."""
    pictures: list[list[Run]] = [[]]
    for run in runs:
        pictures[-1].append(run)
        if ids[run[0] - 1] == ids[runs[-1][0] - 1]:
            pictures.append([])
    return pictures[:-1]


def _marked_grid(ids: Sequence[int], runs: Sequence[Run]) -> Grid | None:
    """(rows, columns) of a picture's tiles; None for one that is a thumbnail only."""
    *tiles, thumbnail = runs
    if not tiles:
        return None
    ends = [n for n, tile in enumerate(tiles, 1) if ids[tile[1]] != ids[thumbnail[1]]]
    if not ends or ends != list(range(ends[0], len(tiles) + ends[0], ends[0])):
        raise RelevanceUnavailable(
            f"of a picture's {len(tiles)} tiles, {ends or 'none'} end a row of tiles"
        )
    return len(tiles) // ends[0], ends[0]


def _nearest(size: Size, tiles: int) -> Grid | None:
    if tiles == 0:
        return None
    width, height = size
    grids = [(rows, tiles // rows) for rows in range(1, tiles + 1) if tiles % rows == 0]
    away = [abs(width / height - columns / rows) for rows, columns in grids]
    if away.count(min(away)) > 1:
        raise RelevanceUnavailable(f"{width}x{height} pixels in {tiles} tiles fit two grids")
    return grids[away.index(min(away))]


def _on_pictures(
    shown: Shown, sizes: Sequence[Size], grids: Sequence[Grid | None], side: int
) -> list[Boxes]:
    *_, height, width = shown.inputs["pixel_values"].shape
    if height != width:
        raise RelevanceUnavailable(f"tiles of {width}x{height} pixels are no squares")
    placed = []
    for size, grid in zip(sizes, grids, strict=True):
        whole = (0.0, 0.0, *size)
        areas = [] if grid is None else grid_boxes(grid, whole).tolist()
        cells = [square_of_patches(side, width, tuple(area)) for area in (*areas, whole)]
        placed.append(np.concatenate(cells))
    return placed
