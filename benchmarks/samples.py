"""What a large samples file costs: CPU and memory for a million rows about 1,000 pictures.

    python benchmarks/samples.py [--rows 1000000]

Printed are opening (every row is checked), one pass over all rows, and 10,000 rows with what an
evaluation asks of each: digest, cluster and position.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import numpy as np
from PIL import Image

from pytest_vlm.data import open_dataset

PICTURES = 1000
ASKED = 10_000


def write(folder: Path, rows: int) -> Path:
    """A JSONL file and its pictures."""
    rng = np.random.default_rng(0)
    for number in range(PICTURES):
        pixels = rng.integers(0, 255, (64, 64, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")
    path = folder / "samples.jsonl"
    with path.open("w") as file:
        for number in range(rows):
            row: dict[str, object] = {"id": f"s{number}", "image": f"{number % PICTURES}.png"}
            row |= {"query": f"what is at place {number}?", "target": "7", "tags": ["where"]}
            file.write(json.dumps({**row, "region": [0, 0, 32, 32]}) + "\n")
    return path


@contextmanager
def measured(what: str) -> Iterator[None]:
    """Print CPU seconds and what the process grew by."""
    memory, start = resident(), time.process_time()
    yield
    spent, grown = time.process_time() - start, resident() - memory
    print(f"{what:<24} {spent:7.2f} s  {grown:+6.1f} MiB")


def resident() -> float:
    """MiB of this process in memory."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 2**20


def main() -> None:
    """Write, open, read and ask."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=1_000_000)
    rows: int = parser.parse_args().rows
    with tempfile.TemporaryDirectory() as folder:
        path = write(Path(folder), rows)
        with measured(f"open {rows:,} rows"):
            dataset = open_dataset(path)
        with measured("read every row"):
            for _ in dataset:
                pass
        with measured(f"ask {ASKED:,} rows"):
            for sample in islice(dataset, ASKED):
                _ = sample.digest, sample.cluster, dataset.position_of(sample)


if __name__ == "__main__":
    main()
