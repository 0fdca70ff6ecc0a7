"""2x2 grids of handwritten digits, and queries whose answer lies in a known region.

scikit-learn ships 1,797 digits of 8x8 pixels. Every fifth one is held out, so that no source digit
is seen both in training and in evaluation.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from PIL import Image
from sklearn.datasets import load_digits

Box = tuple[int, int, int, int]
Kind = Literal["name", "where", "read", "count", "largest", "smallest"]
Pixels = npt.NDArray[np.uint8]

KINDS: tuple[Kind, ...] = ("where", "read", "count", "largest", "smallest")
CELLS = ("top left", "top right", "bottom left", "bottom right")
BLANK = "blank"

CELL_SIZE = 32
DIGIT_SIZE = 26
IMAGE_SIZE = 2 * CELL_SIZE

HELD_OUT_EVERY = 5
BLANK_RATE = 0.3


@dataclass(frozen=True, kw_only=True)
class Digits:
    """Source digits: `images` (n, 26, 26) uint8 grey levels and `labels` (n,) from 0 to 9."""

    images: Pixels
    labels: npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Grid:
    """A square image of one or 2x2 cells and their labels, row by row; None is a blank cell."""

    image: Image.Image
    labels: tuple[int | None, ...]


@dataclass(frozen=True, kw_only=True)
class Query:
    """A question about a grid, its answer, and the one cell that shows the answer.

    `region` is (x0, y0, x1, y1) in pixels, or None where the answer needs the whole image; `cell`
    is the name of the cell that the question asks for.
    """

    kind: Kind
    text: str
    answer: str
    cell: str | None = None
    region: Box | None = None


def load_split(split: Literal["train", "heldout"]) -> Digits:
    """The source digits of one split, resized from 8 to 26 pixels with bicubic interpolation."""
    bunch = load_digits()
    chosen = (np.arange(len(bunch.target)) % HELD_OUT_EVERY == 0) == (split == "heldout")
    grey = np.rint(bunch.images[chosen] * (255 / 16)).astype(np.uint8)
    size = (DIGIT_SIZE, DIGIT_SIZE)
    resized = [np.asarray(Image.fromarray(g).resize(size, Image.Resampling.BICUBIC)) for g in grey]
    return Digits(images=np.stack(resized), labels=bunch.target[chosen])


def draw_grid(digits: Digits, rng: np.random.Generator) -> Grid:
    """A 64x64 image of four cells; in 30 % of the grids one to three of them stay blank."""
    blanks = int(rng.integers(1, len(CELLS))) if rng.random() < BLANK_RATE else 0
    filled = rng.permutation(len(CELLS))[blanks:].tolist()
    pixels = np.zeros((IMAGE_SIZE, IMAGE_SIZE), dtype=np.uint8)
    labels: list[int | None] = [None] * len(CELLS)
    for cell in filled:
        x0, y0, x1, y1 = cell_box(cell)
        pixels[y0:y1, x0:x1], labels[cell] = _draw_cell(digits, rng)
    return Grid(image=Image.fromarray(pixels), labels=tuple(labels))


def draw_cued(digits: Digits, rng: np.random.Generator) -> Grid:
    """A 64x64 image in which the diagonally opposite cell shows the same digit, written otherwise.

    Whoever looks there answers right as well: only a relevance map tells.
    """
    pixels = np.zeros((IMAGE_SIZE, IMAGE_SIZE), dtype=np.uint8)
    labels = rng.choice(np.unique(digits.labels), size=2, replace=False).tolist()
    for cell, label in enumerate([*labels, *reversed(labels)]):
        x0, y0, x1, y1 = cell_box(cell)
        pixels[y0:y1, x0:x1], _ = _draw_cell(digits, rng, np.flatnonzero(digits.labels == label))
    return Grid(image=Image.fromarray(pixels), labels=(*labels, *reversed(labels)))


def draw_single(digits: Digits, rng: np.random.Generator) -> Grid:
    """A 32x32 image of one digit."""
    pixels, label = _draw_cell(digits, rng)
    return Grid(image=Image.fromarray(pixels), labels=(label,))


def _draw_cell(
    digits: Digits, rng: np.random.Generator, among: npt.NDArray[np.int64] | None = None
) -> tuple[Pixels, int]:
    """A (32, 32) cell with one digit (of those with the given numbers), and its label."""
    source = rng.integers(len(digits.labels)) if among is None else rng.choice(among)
    x, y = rng.integers(CELL_SIZE - DIGIT_SIZE + 1, size=2)
    pixels = np.zeros((CELL_SIZE, CELL_SIZE), dtype=np.uint8)
    pixels[y : y + DIGIT_SIZE, x : x + DIGIT_SIZE] = digits.images[source]
    return pixels, int(digits.labels[source])


def cell_box(cell: int) -> Box:
    """The box of cell 0 to 3, row by row, as (x0, y0, x1, y1) in pixels."""
    row, column = divmod(cell, 2)
    x, y = column * CELL_SIZE, row * CELL_SIZE
    return x, y, x + CELL_SIZE, y + CELL_SIZE


def queries(grid: Grid) -> list[Query]:
    """All queries about a 2x2 grid that have one right answer, the four cells first."""
    words = [BLANK if label is None else str(label) for label in grid.labels]
    where = [
        Query(
            kind="where",
            text=f"what digit is at the {name}?",
            answer=words[cell],
            cell=name,
            region=cell_box(cell),
        )
        for cell, name in enumerate(CELLS)
    ]
    shown = [label for label in grid.labels if label is not None]
    read = Query(kind="read", text="read all the digits.", answer=" ".join(words))
    count = Query(kind="count", text="how many digits are there?", answer=str(len(shown)))
    return [*where, read, count, *_extreme("largest", max, grid), *_extreme("smallest", min, grid)]


def name_query(single: Grid) -> Query:
    """The only query about a single digit; it starts the curriculum and is not evaluated."""
    return Query(kind="name", text="what digit is this?", answer=str(single.labels[0]))


def _extreme(
    kind: Literal["largest", "smallest"], choose: Callable[[list[int]], int], grid: Grid
) -> list[Query]:
    """Empty when two cells share the extreme digit: no single region would be right."""
    extreme = choose([label for label in grid.labels if label is not None])
    if grid.labels.count(extreme) > 1:
        return []
    return [
        Query(
            kind=kind,
            text=f"what is the {kind} digit?",
            answer=str(extreme),
            region=cell_box(grid.labels.index(extreme)),
        )
    ]
