"""A map as the bytes of an ``.npz``."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest

from pytest_vlm.golden.storage.packing import pack, unpack
from pytest_vlm.heatmap.heatmap import Heatmap

GENERATOR = np.random.default_rng(3)


def tiles() -> Heatmap:
    """Two tiles, a thumbnail over both, and a second picture."""
    areas = [(0, 0, 50, 40.5, 0), (50, 0, 100, 40.5, 0), (0, 0, 100, 40.5, 0), (0, 0, 31, 17, 1)]
    parts = [
        Heatmap.of_grid(np.ones((4, 5)), size=(x1 - x0, y1 - y0), method="attention", media=medium)
        for x0, y0, x1, y1, medium in areas
    ]
    offsets = [np.array([x0, y0, x0, y0], np.float32) for x0, y0, *_ in areas]
    boxes = [part.boxes + offset for part, offset in zip(parts, offsets, strict=True)]
    return Heatmap.of_cells(
        GENERATOR.random(80),
        np.concatenate(boxes),
        method="attention",
        media=np.concatenate([part.media for part in parts]),
        frame=np.repeat([0, 0, 0, 300], 20),
    )


@pytest.mark.parametrize(
    "heatmap",
    [
        Heatmap.of_grid(GENERATOR.random((3, 7)), size=(1013, 777), method="attention"),
        Heatmap.of_grid([[1.0]], size=(1, 1), method="attention"),
        Heatmap.of_cells(GENERATOR.random(300), GENERATOR.random((300, 4)), method="attention"),
        tiles(),
    ],
    ids=["grid", "one cell", "no grid", "tiles"],
)
def test_every_bit_comes_back(heatmap):
    found = unpack(pack(heatmap), method="attention", layers=(1,), span=(2, 3))
    for layer in ("values", "boxes", "media", "frame"):
        one, other = getattr(found, layer), getattr(heatmap, layer)
        assert np.array_equal(one, other)
        assert one.dtype == other.dtype
    assert (found.method, found.layers, found.span) == ("attention", (1,), (2, 3))


def test_the_same_map_is_the_same_bytes():
    assert pack(tiles()) != pack(tiles())  # other values each time
    heatmap = tiles()
    assert pack(heatmap) == pack(heatmap)


def test_cells_of_tiles_take_little_beside_their_values():
    heatmap = tiles()
    assert len(pack(heatmap)) < heatmap.values.nbytes + 1000


def saved(**arrays: object) -> bytes:
    buffer = BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


ONE = {"values": np.ones(1, np.float32), "edges": np.arange(4, dtype=np.float32)}
CELLS = np.array([[0], [1], [2], [3], [0], [0]])


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"PK",
        saved(**ONE),
        saved(**ONE, cells=CELLS + 4),
        saved(**ONE, cells=CELLS[:5]),
        saved(**ONE, cells=CELLS / 2),
        saved(**{**ONE, "values": np.ones(1)}, cells=CELLS),
        saved(**{**ONE, "values": np.full(1, np.nan, np.float32)}, cells=CELLS),
        saved(**{**ONE, "values": np.ones(2, np.float32)}, cells=CELLS),
        saved(**{**ONE, "edges": np.array([None] * 4)}, cells=CELLS),
        pack(tiles())[:-30],
    ],
)
def test_anything_else_is_refused(data):
    with pytest.raises(ValueError, match=r"golden|float32|cells|finite"):
        unpack(data, method="attention", layers=(), span=None)


def test_what_the_refusals_are_about_is_else_a_map():
    found = unpack(saved(**ONE, cells=CELLS), method="attention", layers=(), span=None)
    assert found.boxes.tolist() == [[0, 1, 2, 3]]
