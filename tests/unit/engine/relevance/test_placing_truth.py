"""Boxes of image tokens against the pixels that transformers' own models put into them.

The picture is dark but for one bright square. The tiny models' vision towers mix nothing, so that
the tokens whose embeddings change are those that see the square; their boxes must lie on it.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import tiny_tiled
import torch
from PIL import Image, ImageDraw

from pytest_vlm.engine.relevance.placing.cells import token_boxes
from pytest_vlm.engine.relevance.placing.shown import Shown

FAMILIES = {
    "idefics3": tiny_tiled.idefics3,
    "idefics3-unsplit": lambda: tiny_tiled.idefics3(do_image_splitting=False),
    "smolvlm": tiny_tiled.smolvlm,
    "internvl": tiny_tiled.internvl,
    "internvl-4": lambda: tiny_tiled.internvl(min_patches=4, max_patches=6),
    "aya-vision": tiny_tiled.aya_vision,
    "llava-next": tiny_tiled.llava_next,
    "llava-next-unseen-edge": lambda: tiny_tiled.llava_next(pixels=35),
    "llava-onevision": tiny_tiled.llava_onevision,
    "mistral3": tiny_tiled.mistral3,
    "pixtral": lambda: tiny_tiled.mistral3(merge=1),
    "gemma3": tiny_tiled.gemma3,
    "llava": tiny_tiled.llava,
    "llava-padded": lambda: tiny_tiled.llava(padded=True),
    "qwen2-vl": tiny_tiled.qwen2_vl,
}
SIZES = [(200, 120), (97, 301), (37, 23), (701, 700)]
DARK, BRIGHT = (20, 20, 20), (240, 240, 240)


@pytest.fixture(scope="module", autouse=True)
def _one_thread():
    """Of tensors this small, several threads only wait for each other."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@cache
def family(name: str) -> tiny_tiled.Tiled:
    torch.manual_seed(0)
    return FAMILIES[name]()


def picture(size, square=None):
    pixels = Image.new("RGB", size, DARK)
    if square is not None:
        x0, y0, x1, y1 = square
        ImageDraw.Draw(pixels).rectangle((x0, y0, x1 - 1, y1 - 1), fill=BRIGHT)
    return pixels


def squares(size):
    """A quarter of the shorter edge wide: near the middle, and towards two corners."""
    width, height = size
    edge = max(4, min(size) // 4)
    for x, y in [(0.4, 0.5), (0.85, 0.15), (0.1, 0.95)]:
        x0, y0 = round(x * (width - edge)), round(y * (height - edge))
        yield (x0, y0, x0 + edge, y0 + edge)


def located(built, inputs, sizes):
    """Which tokens are of pictures, and for each sample the boxes of each picture's tokens."""
    visual = inputs["input_ids"].eq(tiny_tiled.IMAGE).numpy()
    shown = Shown(inputs=inputs, visual=visual, sizes=sizes, processor=built.image_processor)
    return visual, token_boxes(shown)


def changes(built, dark, bright):
    """(batch, length): how much each token's embedding differs, 1 for the most."""
    difference = built.embeddings(bright) - built.embeddings(dark)
    change = difference.norm(dim=-1).numpy()
    return change / change.max()


def overlaps(boxes, square):
    x0, y0, x1, y1 = square
    return (boxes[:, 0] < x1) & (boxes[:, 2] > x0) & (boxes[:, 1] < y1) & (boxes[:, 3] > y0)


def within(boxes, square):
    x0, y0, x1, y1 = square
    return (boxes[:, 0] >= x0) & (boxes[:, 2] <= x1) & (boxes[:, 1] >= y0) & (boxes[:, 3] <= y1)


def check(change, boxes, square, size):
    placed = np.isfinite(boxes[:, 0])
    assert change[~placed].max(initial=0) < 1e-6, "a token without a place has seen the square"
    change, boxes = change[placed], boxes[placed]
    width, height = size
    shown = [*boxes[:, :2].min(0), *boxes[:, 2:].max(0)]
    x0, y0 = np.maximum(square[:2], shown[:2])
    x1, y1 = np.minimum(square[2:], shown[2:])
    # A bicubic or Lanczos filter reaches three pixels of the coarser picture.
    blur_x, blur_y = max(4, 0.1 * width), max(4, 0.1 * height)
    around = (x0 - blur_x, y0 - blur_y, x1 + blur_x, y1 + blur_y)
    assert overlaps(boxes[change > 0.3], square).all()
    assert overlaps(boxes[change > 0.02], around).all()
    assert (change[within(boxes, square)] > 0.1).all()
    seen = boxes[change > 0.3]
    assert len(seen)
    assert seen[:, 0].min() <= x0 + width / 20
    assert seen[:, 2].max() >= x1 - width / 20
    assert seen[:, 1].min() <= y0 + height / 20
    assert seen[:, 3].max() >= y1 - height / 20


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("name", FAMILIES)
def test_a_token_lies_where_the_pixels_are_that_it_has_seen(name, size):
    built = family(name)
    dark = built.encode([[picture(size)]])
    for square in squares(size):
        bright = built.encode([[picture(size, square)]])
        visual, ((boxes,),) = located(built, bright, [[size]])
        if not overlaps(boxes, square).any():
            assert name == "llava", "only a centre crop leaves anything out"
            continue
        check(changes(built, dark, bright)[visual], boxes, square, size)


@pytest.mark.parametrize("name", FAMILIES)
def test_pictures_of_a_batch_are_told_apart(name):
    built = family(name)
    sizes = [[(200, 120)], [(97, 130), (160, 161), (300, 140)], [(64, 64), (50, 90)]]
    dark = built.encode([[picture(size) for size in row] for row in sizes])
    for row, picked in [(0, 0), (1, 0), (1, 2), (2, 1)]:
        width, height = sizes[row][picked]
        square = (round(width * 0.5), round(height * 0.4), round(width * 0.7), round(height * 0.7))
        pictures = [[picture(size) for size in sample] for sample in sizes]
        pictures[row][picked] = picture((width, height), square)
        bright = built.encode(pictures)
        visual, boxes = located(built, bright, sizes)
        change = changes(built, dark, bright)
        of_sample = change[row][visual[row]]
        start = sum(map(len, boxes[row][:picked]))
        own = of_sample[start : start + len(boxes[row][picked])]
        check(own, boxes[row][picked], square, (width, height))
        assert own.sum() == pytest.approx(of_sample.sum())
        assert of_sample.sum() == pytest.approx(change.sum())


@pytest.mark.parametrize("name", FAMILIES)
def test_boxes_are_in_pixels_of_the_original_where_a_smaller_picture_was_shown(name):
    built, size, smaller = family(name), (640, 250), (301, 117)
    square = (300, 100, 380, 160)
    dark = built.encode([[picture(size).resize(smaller)]])
    bright = built.encode([[picture(size, square).resize(smaller)]])
    visual, ((boxes,),) = located(built, bright, [[size]])
    assert overlaps(boxes, square).any()
    check(changes(built, dark, bright)[visual], boxes, square, size)


def covered(boxes, size):
    """How many of the boxes lie over each of many points of the picture."""
    boxes = boxes[np.isfinite(boxes[:, 0])]
    points = np.random.default_rng(0).uniform(0, size, (2000, 2))
    x, y = points[:, :1], points[:, 1:]
    inside = (boxes[:, 0] <= x) & (x < boxes[:, 2]) & (boxes[:, 1] <= y) & (y < boxes[:, 3])
    return inside.sum(1)


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("name", ["idefics3", "internvl", "aya-vision", "llava-onevision"])
def test_tiles_cover_the_picture_once_and_so_does_the_thumbnail(name, size):
    built = family(name)
    _, ((boxes,),) = located(built, built.encode([[picture(size)]]), [[size]])
    tiles, whole = boxes[:-16], boxes[-16:]
    if name == "llava-onevision":
        tiles, whole = boxes[16:], boxes[:16]
    assert (covered(whole, size) == 1).all()
    if name == "llava-onevision":  # a row that holds less than half a picture may be taken off
        assert set(covered(tiles, size)) <= {0, 1}
        assert covered(tiles, size).mean() > 0.8
    elif len(tiles):
        assert (covered(tiles, size) == 1).all()


@pytest.mark.parametrize("name", ["idefics3", "internvl", "gemma3", "qwen2-vl", "llava"])
def test_no_cell_lies_beside_the_picture(name):
    built, size = family(name), (301, 97)
    _, ((boxes,),) = located(built, built.encode([[picture(size)]]), [[size]])
    assert boxes.min() >= 0
    assert (boxes.max(0)[2:] <= size).all()
