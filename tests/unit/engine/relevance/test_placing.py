"""Layouts that transformers' processors do not give here, and what is refused."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from pytest_vlm.engine.relevance.placing.boxes import clipped, crossed, patch_edges
from pytest_vlm.engine.relevance.placing.cells import token_boxes
from pytest_vlm.engine.relevance.placing.queries import without_places
from pytest_vlm.engine.relevance.placing.shown import Shown
from pytest_vlm.engine.relevance.placing.squares import seen_area
from pytest_vlm.errors import RelevanceUnavailable

IMAGE, START, END, FAKE, GLOBAL, LINE = 1, 2, 3, 4, 5, 6
TILE_MARKER = 10


def processor(kind: str, **settings):
    return type(kind, (), settings)()


def shown(ids, sizes, pixels, kind="GotOcr2ImageProcessor", more=None, **settings):
    longest = max(map(len, ids))
    padded = torch.tensor([[0] * (longest - len(row)) + row for row in ids])
    return Shown(
        inputs={"input_ids": padded, "pixel_values": torch.ones(pixels), **(more or {})},
        visual=padded.eq(IMAGE).numpy(),
        sizes=sizes,
        processor=processor(kind, **settings),
    )


def unbroken(tiles, each=4):
    return [START, *[IMAGE] * (tiles * each), END]


def marked(rows, columns, each=4):
    ids = []
    for row in range(rows):
        for column in range(columns):
            ids += [FAKE, TILE_MARKER + row * 6 + column, *[IMAGE] * each]
        ids.append(LINE)
    return [*ids, LINE, FAKE, GLOBAL, *[IMAGE] * each, FAKE]


def test_runs_are_unbroken_image_tokens():
    batch = shown([[IMAGE, IMAGE, 7, IMAGE]], [[(8, 8)]], (3, 3, 4, 4))
    assert batch.runs(0) == [(0, 2), (3, 4)]
    assert batch.tokens == [3]


@pytest.mark.parametrize(
    ("size", "tiles", "grid"),
    [
        ((300, 100), 3, (1, 3)),
        ((100, 300), 3, (3, 1)),
        ((200, 120), 6, (2, 3)),
        ((90, 90), 4, (2, 2)),
    ],
)
def test_so_many_tiles_are_the_grid_nearest_to_the_picture(size, tiles, grid):
    batch = shown([unbroken(tiles + 1)], [[size]], (tiles + 1, 3, 32, 32))
    ((boxes,),) = token_boxes(batch)
    rows, columns = grid
    first = boxes[:4]
    assert first.max(0)[2:] == pytest.approx([size[0] / columns, size[1] / rows])
    assert boxes[-4:].max(0)[2:] == pytest.approx(size)


def test_tiles_that_fit_two_grids_are_refused():
    # A picture of 5:4 is as far from 1:2 as from 2:1.
    batch = shown([unbroken(3)], [[(125, 100)]], (3, 3, 32, 32))
    with pytest.raises(RelevanceUnavailable, match="125x100 pixels in 2 tiles fit two grids"):
        token_boxes(batch)


def test_the_prompt_tells_rows_and_columns_of_marked_tiles():
    ids = [marked(2, 3) + marked(0, 0) + marked(3, 1), marked(1, 2)]
    sizes = [[(300, 200), (50, 50), (40, 120)], [(64, 32)]]
    pixels = (2, 12, 3, 32, 32)
    mask = torch.zeros(2, 12, 32, 32)
    mask[0], mask[1, :3] = 1, 1
    (first, small, tall), (wide,) = token_boxes(
        shown(ids, sizes, pixels, "Idefics3ImageProcessor", {"pixel_attention_mask": mask})
    )
    assert [len(boxes) for boxes in (first, small, tall, wide)] == [28, 4, 16, 12]
    assert first[4:8].min(0)[:2].tolist() == [100, 0]
    assert first[12:16].min(0)[:2].tolist() == [0, 100]
    assert tall[4:8].min(0)[:2].tolist() == [0, 40]
    assert wide[4:8].min(0)[:2].tolist() == [32, 0]


BROKEN_ROW = [*marked(1, 2)[:13], *marked(1, 3)]
REFUSED = {
    "a token is missing": (
        shown([[*unbroken(3)[:-2], END]], [[(90, 90)]], (3, 3, 32, 32)),
        "11 image tokens for 3 tiles",
    ),
    "tiles of no square": (
        shown([unbroken(3, 5)], [[(90, 90)]], (3, 3, 32, 32)),
        "5 image tokens form no square grid",
    ),
    "oblong tiles": (
        shown([unbroken(1)], [[(90, 90)]], (1, 3, 32, 64)),
        "tiles of 64x32 pixels are no squares",
    ),
    "a thumbnail is missing": (
        shown([unbroken(3)], [[(90, 90), (90, 90)]], (3, 3, 32, 32)),
        "1 thumbnails for 2 pictures",
    ),
    "a picture is missing": (
        shown(
            [marked(1, 2) + marked(1, 2)], [[(64, 32)]], (1, 6, 3, 32, 32), "SmolVLMImageProcessor"
        ),
        "2 thumbnails for 1 pictures",
    ),
    "rows of unequal length": (
        shown([BROKEN_ROW], [[(64, 32)]], (1, 6, 3, 32, 32), "Idefics3ImageProcessor"),
        "of a picture's 5 tiles",
    ),
    "no line feed": (
        shown(
            [[token for token in marked(1, 2) if token != LINE]],
            [[(64, 32)]],
            (1, 3, 3, 32, 32),
            "Idefics3ImageProcessor",
        ),
        "of a picture's 2 tiles, none end a row",
    ),
    "an unknown way to cut": (
        shown([unbroken(3)], [[(90, 90)]], (3, 3, 32, 32), "Llama4ImageProcessor", max_patches=16),
        r"Llama4ImageProcessor cuts pictures in its own way \(max_patches\)",
    ),
    "an unknown way, though one picture is one square": (
        shown(
            [unbroken(1)], [[(90, 90)]], (1, 3, 32, 32), "Ovis2ImageProcessor", crop_to_patches=True
        ),
        r"its own way \(crop_to_patches\)",
    ),
    "more squares than pictures": (
        shown([unbroken(3)], [[(90, 90)]], (3, 3, 32, 32), "SiglipImageProcessor"),
        "its own way into 3 for 1",
    ),
    "sizes of an unknown meaning": (
        shown(
            [unbroken(1)],
            [[(90, 90)]],
            (1, 3, 32, 32),
            "Emu3ImageProcessor",
            {"image_sizes": torch.tensor([[32, 32]])},
        ),
        r"its own way \(image_sizes\)",
    ),
    "patches without a grid": (
        shown([unbroken(1)], [[(90, 90)]], (1, 256, 588), "Siglip2ImageProcessor"),
        r"pixel_values \(1, 256, 588\)",
    ),
    "a grid of another count": (
        shown(
            [unbroken(1)],
            [[(90, 90)]],
            (16, 588),
            "Qwen2VLImageProcessor",
            {"image_grid_thw": torch.tensor([[1, 4, 6]])},
            merge_size=2,
        ),
        "4 image tokens in the prompt, but its 1 pictures have 6",
    ),
    "a grid without its merging": (
        shown(
            [unbroken(1)],
            [[(90, 90)]],
            (16, 588),
            "OtherImageProcessor",
            {"image_grid_thw": torch.tensor([[1, 4, 4]])},
        ),
        "OtherImageProcessor says no merge_size",
    ),
    "a canvas of another count": (
        shown(
            [unbroken(1, 5)],
            [[(90, 90)]],
            (1, 3, 3, 32, 32),
            "LlavaNextImageProcessor",
            {"image_sizes": torch.tensor([[90, 90]])},
            image_grid_pinpoints=[[32, 64]],
        ),
        "fit no number of patches in tiles of 32 pixels",
    ),
    "a native size of another count": (
        shown(
            [unbroken(1, 5)],
            [[(90, 90)]],
            (1, 3, 32, 32),
            "PixtralImageProcessor",
            {"image_sizes": torch.tensor([[32, 32]])},
            patch_size=8,
        ),
        "fit no merging of patches of 8 pixels",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_does_not_fit_is_refused_with_its_numbers(what):
    batch, match = REFUSED[what]
    with pytest.raises(RelevanceUnavailable, match=match):
        token_boxes(batch)


def test_a_class_token_has_no_place():
    batch = shown([unbroken(1, 17)], [[(80, 40)]], (1, 3, 32, 32), "CLIPImageProcessor")
    ((boxes,),) = token_boxes(batch)
    assert np.isnan(boxes[0]).all()
    assert boxes[1].tolist() == [0, 0, 20, 10]


CROPPED = {"do_center_crop": True, "crop_size": {"height": 32, "width": 32}}


@pytest.mark.parametrize(
    ("size", "settings", "area"),
    [
        ((80, 40), {}, (0, 0, 80, 40)),
        ((80, 40), {"size": {"shortest_edge": 32}, **CROPPED}, (20, 0, 60, 40)),
        ((40, 80), {"size": {"shortest_edge": 64}, **CROPPED}, (10, 30, 30, 50)),
        ((80, 40), {"size": {"height": 64, "width": 64}, **CROPPED}, (20, 10, 60, 30)),
        ((24, 16), {"do_resize": False, **CROPPED}, (-4, -8, 28, 24)),
        ((80, 40), {"do_pad": True, "pad_to_square": None}, (0, -20, 80, 60)),
        ((40, 80), {"do_pad": True, "pad_to_square": None, **CROPPED}, (-20, 0, 60, 80)),
    ],
)
def test_the_part_of_a_picture_that_its_square_shows(size, settings, area):
    assert seen_area(size, processor("CLIPImageProcessor", **settings)) == area


def test_what_is_too_short_for_a_patch_is_not_seen():
    edges = patch_edges(384, 27)
    assert edges[0].tolist() == [0, 14]
    assert edges[-1].tolist() == [364, 378]


def test_boxes_are_row_major_and_end_with_the_picture():
    boxes = crossed([[0, 2], [2, 4]], [[0, 3], [3, 6], [6, 9]])
    assert boxes[1].tolist() == [3, 0, 6, 2]
    assert boxes[3].tolist() == [0, 2, 3, 4]
    kept = clipped(boxes, (5, 4))
    assert kept[1].tolist() == [3, 0, 5, 2]
    assert np.isnan(kept[2]).all()


def test_learned_queries_have_no_place():
    assert without_places(SimpleNamespace(vision_config={})) == ""
    assert "perceiver_config" in without_places(SimpleNamespace(perceiver_config={}))
    crossed = SimpleNamespace(text_config=SimpleNamespace(cross_attention_layers=[3]))
    assert "cross-attention" in without_places(crossed)
