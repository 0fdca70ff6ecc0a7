"""Write the held-out evaluation set as files: `python -m app.digits.samples FOLDER`."""

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from app.digits.data import (
    KINDS,
    Digits,
    Grid,
    Kind,
    Query,
    draw_cued,
    draw_grid,
    load_split,
    queries,
)

GOLDEN_TARGETS = ("7", "3", "0")


@dataclass(frozen=True, kw_only=True)
class Question:
    """A query about the image with this number."""

    number: int
    query: Query

    @property
    def id(self) -> str:
        """Readable and unique: `0007-top-left`, `0007-largest`."""
        return f"{self.number:04}-{(self.query.cell or self.query.kind).replace(' ', '-')}"

    def as_json(self, *, golden: bool) -> dict[str, object]:
        """One line of samples.jsonl; `image` is relative to that file."""
        sample: dict[str, object] = {
            "id": self.id,
            "image": f"images/{self.number:04}.png",
            "query": self.query.text,
            "target": self.query.answer,
            "tags": [self.query.kind, *(["golden"] if golden else [])],
        }
        if self.query.region is not None:
            sample["region"] = list(self.query.region)
        return sample


def choose_queries(grid: Grid, kind: Kind, rng: np.random.Generator) -> list[Query]:
    """Which digit is at a random cell, then another query of the given kind; [] without one."""
    candidates = queries(grid)
    where = [query for query in candidates if query.kind == "where"]
    first = where[rng.integers(len(where))]
    others = [query for query in candidates if query.kind == kind and query != first]
    return [first, others[rng.integers(len(others))]] if others else []


def draw_images(digits: Digits, count: int, seed: int) -> Iterator[tuple[Grid, list[Query]]]:
    """`count` grids with two queries each: 60 % "where", the other kinds in equal shares."""
    rng = np.random.default_rng(seed)
    for number in range(count):
        asked: list[Query] = []
        while not asked:
            grid = draw_grid(digits, rng)
            asked = choose_queries(grid, KINDS[number % len(KINDS)], rng)
        yield grid, asked


def draw_cued_images(digits: Digits, count: int, seed: int) -> Iterator[tuple[Grid, list[Query]]]:
    """`count` grids in which the opposite cell shows the same digit, with two queries "where"."""
    rng = np.random.default_rng(seed)
    for _ in range(count):
        grid = draw_cued(digits, rng)
        where = [query for query in queries(grid) if query.kind == "where"]
        yield grid, [where[place] for place in rng.permutation(len(where))[:2]]


def golden_ids(questions: list[Question]) -> set[str]:
    """The first "where" question about a 7, the next one about a 3, and the next one about a 0."""
    wanted = list(GOLDEN_TARGETS)
    chosen = set()
    for question in questions:
        if wanted and question.query.kind == "where" and question.query.answer == wanted[0]:
            chosen.add(question.id)
            wanted.pop(0)
    return chosen


def write_samples(folder: Path, images: int, seed: int, *, cued: bool = False) -> int:
    """Write `folder/samples.jsonl` and `folder/images/*.png`; return the number of samples."""
    draw = draw_cued_images if cued else draw_images
    (folder / "images").mkdir(parents=True, exist_ok=True)
    questions: list[Question] = []
    for number, (grid, asked) in enumerate(draw(load_split("heldout"), images, seed)):
        grid.image.save(folder / "images" / f"{number:04}.png", optimize=True)
        questions += [Question(number=number, query=query) for query in asked]
    golden = set() if cued else golden_ids(questions)
    lines = [json.dumps(question.as_json(golden=question.id in golden)) for question in questions]
    (folder / "samples.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return len(questions)


def main() -> None:
    """Parse the command line and write the set."""
    parser = argparse.ArgumentParser(
        prog="python -m app.digits.samples",
        description="Write the held-out evaluation set: 2x2 grids of digits that training never "
        "saw, two queries an image, with target answers and regions.",
        epilog="Then run the suites on it: pytest suites --vlm-samples FOLDER/samples.jsonl",
    )
    parser.add_argument("folder", metavar="FOLDER", type=Path, help="folder to write to")
    parser.add_argument(
        "--images", type=int, default=200, help="number of images, two samples each (default: 200)"
    )
    parser.add_argument("--seed", type=int, default=1, help="seed of the grids (default: 1)")
    parser.add_argument(
        "--cued",
        action="store_true",
        help="the opposite cell shows the same digit: a checkpoint that looks there is right too",
    )
    arguments = parser.parse_args()
    count = write_samples(arguments.folder, arguments.images, arguments.seed, cued=arguments.cued)
    print(f"{count} samples in {arguments.folder / 'samples.jsonl'}")


if __name__ == "__main__":
    main()
