"""Areas of boxes that overlap, checked against counting pixels."""

from __future__ import annotations

import numpy as np
import pytest

from pytest_vlm.heatmap.areas import area, area_covered, disjoint, shares_inside

SIDE = 24


def boxes(seed: int, n: int) -> np.ndarray:
    corners = np.random.default_rng(seed).integers(0, SIDE + 1, (n, 2, 2))
    return np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1).astype(float)


def painted(many: np.ndarray) -> np.ndarray:
    """(24, 24) how many of the boxes each pixel lies in."""
    canvas = np.zeros((SIDE, SIDE), dtype=int)
    for x0, y0, x1, y1 in many.astype(int):
        canvas[y0:y1, x0:x1] += 1
    return canvas


@pytest.mark.parametrize("n", [0, 1, 2, 5, 30])
@pytest.mark.parametrize("seed", range(8))
def test_disjoint_boxes_cover_the_same_once(seed, n):
    many = boxes(seed, n)
    assert (painted(disjoint(many)) == (painted(many) > 0)).all()
    assert area(many) == (painted(many) > 0).sum()


@pytest.mark.parametrize("seed", range(8))
def test_a_cells_share_is_its_part_in_any_of_the_boxes(seed):
    cells, regions = boxes(seed, 9), boxes(seed + 100, 4)
    inside = painted(regions) > 0
    for cell, share in zip(cells, shares_inside(cells, regions), strict=True):
        pixels = inside[painted(cell[None]) > 0]
        assert share == pytest.approx(pixels.mean() if pixels.size else 0)


@pytest.mark.parametrize("seed", range(8))
def test_covered_is_what_both_cover(seed):
    cells, regions = boxes(seed, 9), boxes(seed + 100, 4)
    both = (painted(cells) > 0) & (painted(regions) > 0)
    assert area_covered(cells, regions) == both.sum()


def test_no_cells_cover_nothing():
    assert area_covered(np.zeros((0, 4)), boxes(0, 3)) == 0
    assert shares_inside(np.zeros((0, 4)), boxes(0, 3)).shape == (0,)
