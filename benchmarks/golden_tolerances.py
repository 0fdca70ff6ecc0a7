"""How often a golden's tolerances misjudge a map, and what comparing two maps costs.

    python benchmarks/golden_tolerances.py [--maps 1000]

Fresh maps of every row of the perturbation table (`perturbed_maps.py`); an error is a harmless
change that fails, or a harmful one that passes.

strict       Pearson at least 0.994; noise of 5 % of the maximum is harmful
tolerant     Pearson of the smoothed maps at least 0.99, largest deviation at most 0.3, peak
             displaced by at most 2 cells; that noise is harmless
comparing    all numbers of two 32×32 maps that differ, CPU: at most 0.3 ms

Limit: 1 % errors on each row. Exit status 1 where a limit is missed.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterator
from statistics import median

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before numpy starts its threads

import numpy as np
from perturbed_maps import ROWS, SIDE, Grid, Peaks, Row

from pytest_vlm.heatmap.heatmap import Heatmap
from pytest_vlm.heatmap.metrics import MapDistance, map_distance

ERRORS, MILLISECONDS = 0.01, 0.3
SIZE = (16.0 * SIDE, 16.0 * SIDE)


def strict(distance: MapDistance) -> bool:
    """Whether a map passes where Pearson alone decides."""
    return distance.pearson >= 0.994


def tolerant(distance: MapDistance) -> bool:
    """Whether a map passes where noise is let through."""
    return (
        distance.smoothed_pearson >= 0.99
        and distance.max_deviation <= 0.3
        and distance.peak_displacement <= 2
    )


def heatmap(grid: Grid) -> Heatmap:
    """A picture's map."""
    return Heatmap.of_grid(grid, size=SIZE, method="attention")


def distances(row: Row, maps: int) -> Iterator[MapDistance]:
    """Of fresh maps before and after the change; the same for every run."""
    for number in range(maps):
        random = np.random.default_rng([ROWS.index(row), number])
        peaks = Peaks.draw(random)
        yield map_distance(heatmap(peaks.grid()), heatmap(row.change(peaks, random)))


def milliseconds(times: int = 500) -> float:
    """CPU time of one comparison."""
    random = np.random.default_rng(0)
    peaks = Peaks.draw(random)
    golden, other = heatmap(peaks.grid()), heatmap(peaks.swapped().grid())
    start = time.process_time()
    for _ in range(times):
        map_distance(golden, other)
    return (time.process_time() - start) / times * 1e3


def main() -> int:
    """Print the table; 1 where a limit is missed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--maps", type=int, default=1000, help="of each row (default 1000)")
    maps = parser.parse_args().maps
    print("medians; in brackets the worst of a hundred; errors in %\n")
    print("| change | CC | CCs | L∞ | peak | strict | tolerant |\n|---|---|---|---|---|---|---|")
    missed = []
    for row in ROWS:
        found = list(distances(row, maps))
        wrong = {
            "strict": np.mean([strict(one) is not row.strict for one in found]),
            "tolerant": np.mean([tolerant(one) is not row.tolerant for one in found]),
        }
        missed += [f"{row.name}, {rule}" for rule, share in wrong.items() if share > ERRORS]
        errors = " | ".join(f"{100 * share:.1f}" for share in wrong.values())
        print(f"| {row.name} | {' | '.join(_columns(row, found))} | {errors} |")
    cost = median(milliseconds() for _ in range(7))
    print(f"\ncomparing two {SIDE}×{SIDE} maps: {cost:.3f} ms CPU, limit {MILLISECONDS}")
    if cost > MILLISECONDS:
        missed.append("comparing")
    print(f"missed: {', '.join(missed)}" if missed else "every limit is kept")
    return int(bool(missed))


def _columns(row: Row, found: list[MapDistance]) -> Iterator[str]:
    """Of each number the median, and the one that comes closest to being misjudged."""
    for name, harmless, higher in (
        ("pearson", row.strict, True),
        ("smoothed_pearson", row.tolerant, True),
        ("max_deviation", row.tolerant, False),
        ("peak_displacement", row.tolerant, False),
    ):
        values = [getattr(one, name) for one in found]
        worst = 1 if harmless is higher else 99
        yield f"{np.median(values):.3g} ({np.percentile(values, worst):.3g})"


if __name__ == "__main__":
    sys.exit(main())
