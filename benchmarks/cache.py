"""What keeping an answer costs, and what opening a large cache does.

    python benchmarks/cache.py [--rows 1000000]

Writes: answers and their scores, batch by batch, each batch in transactions of its own. Opening: a
cache of one million answers, and ten of them looked up.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tqdm import tqdm

from pytest_vlm.cache import Cache
from pytest_vlm.evaluation.predictions import Completion, Prediction
from pytest_vlm.scores import ScoreValue

WRITE_MICROSECONDS, OPEN_MILLISECONDS = 50.0, 50.0
SAMPLES, ROUNDS = 4096, 7


def seconds(work: Callable[[], object]) -> float:
    """CPU time of the process."""
    start = time.process_time()
    work()
    return time.process_time() - start


def key(number: int) -> str:
    """As long as a real one, and as scattered."""
    return f"{number * 0x9E3779B97F4A7C15F39CC0605CEDC835 % 2**128:032x}"


def answer(number: int) -> Prediction:
    """A short answer, as most are."""
    completion = Completion(
        raw="a cat", reasoning="", answer="a cat", finish_reason="stop", tokens=3
    )
    return Prediction(sample_id=str(number), completions=(completion,), batch_plan="b" * 32)


def write(cache: Cache, first: int, batch: int) -> None:
    """Answers and scores of `SAMPLES` samples."""
    for start in range(first, first + SAMPLES, batch):
        rows = range(start, start + batch)
        cache.store_predictions([(key(n), answer(n)) for n in rows], checkpoint="f" * 32)
        cache.store_scores([(key(n), ScoreValue(value=1.0)) for n in rows], score="exact match 1")


def fill(folder: Path, rows: int) -> None:
    """A cache with so many answers."""
    cache = Cache(folder, told=print)
    for start in tqdm(range(0, rows, 50_000), desc="filling", unit="50,000 answers"):
        items = [(key(n), answer(n)) for n in range(start, min(start + 50_000, rows))]
        cache.store_predictions(items, checkpoint="f" * 32)
    cache.close()


def main() -> int:
    """Print the figures; 1 where one is missed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=1_000_000, help="default 1,000,000")
    rows = parser.parse_args().rows
    reached = True
    with tempfile.TemporaryDirectory() as name:
        for batch in (8, 16, 32):
            cache = Cache(Path(name) / f"batches-{batch}", told=print)
            spent = [seconds(lambda: write(cache, n * SAMPLES, batch)) for n in range(ROUNDS)]  # noqa: B023
            cost = 1e6 * statistics.median(spent) / SAMPLES
            reached &= cost <= WRITE_MICROSECONDS
            print(f"batches of {batch}: {cost:.0f} µs a sample (limit {WRITE_MICROSECONDS:g})")
            found = seconds(lambda: cache.predictions([(key(n), "") for n in range(10_000)]))  # noqa: B023
            print(f"  looking up 10,000 answers: {1000 * found:.0f} ms")
        large = Path(name) / "large"
        fill(large, rows)
        wanted = [(key(n), "") for n in range(0, rows, rows // 10)]
        opened = []
        for _ in range(ROUNDS):
            cache = Cache(large, told=print)
            opened.append(1000 * seconds(lambda: cache.predictions(wanted)))  # noqa: B023
            assert None not in cache.predictions(wanted)
            cache.close()
        cost = statistics.median(opened)
        reached &= cost <= OPEN_MILLISECONDS
        print(f"opening {rows:,} answers: {cost:.1f} ms (limit {OPEN_MILLISECONDS:g})")
    return int(not reached)


if __name__ == "__main__":
    sys.exit(main())
