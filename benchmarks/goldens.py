"""What a passing golden costs, and how small it is.

    python benchmarks/goldens.py [--runs 5]

golden       500 tests with a golden each, above as many tests that do nothing, both in a run of one
             process with the same options; CPU per test: at most 1 ms. The fixed cost of a run
             with one golden (imports, the session, the report) is told apart.
near         the same where every map differs from its golden, within the tolerance: as it is
             between devices; reported without a limit
comparing    two 32×32 maps that differ, CPU: at most 0.3 ms
bytes        of a golden of a 32×32 map of noise without its picture: at most 6000

Exit status 1 where a limit is missed. Medians; the runs are interleaved.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before numpy starts its threads

import numpy as np
from PIL import Image

from pytest_vlm.golden.comparison import compare_maps
from pytest_vlm.heatmap.heatmap import Heatmap

TESTS, SIDE = 500, 32
PASSING_MS, COMPARING_MS, BYTES = 1.0, 0.3, 6000
MAPS = """
from dataclasses import replace

import numpy as np
import pytest

from pytest_vlm.heatmap.heatmap import Heatmap

@pytest.fixture(scope="session")
def maps(samples):
    drawn = np.random.default_rng(0).random(({tests}, {side}, {side}), np.float32)
    sample = samples[0]
    made = (Heatmap.of_grid(one, size=(64, 64), method="attention") for one in drawn)
    return [replace(one, sample=sample) for one in made]
"""
NOTHING = """
import pytest

@pytest.mark.parametrize("case", range({nothing}))
def test_nothing(case):
    pass
"""
GOLDEN = """
@pytest.mark.parametrize("case", range({goldens}))
def test_golden(golden, relevance, maps, case):
    golden(f"map-{{case}}").check(maps[case])
"""
NEAR = GOLDEN.replace(
    "maps[case])", "replace(maps[case], values=maps[case].values + np.float32(0.001)))"
)
SUITES = {  # of so many tests that do nothing, and so many with a golden
    "nothing": (NOTHING, TESTS, 0),
    "one": (MAPS + NOTHING + GOLDEN, TESTS - 1, 1),
    "golden": (MAPS + GOLDEN, 0, TESTS),
    "near": (MAPS + NEAR, 0, TESTS),
}


def project(folder: Path) -> None:
    """Samples, scripted checkpoints, and two suites that have the same goldens."""
    Image.new("RGB", (64, 64)).save(folder / "0.png")
    row = {"id": "s0", "image": "0.png", "query": "Which?", "target": "7"}
    (folder / "samples.jsonl").write_text(json.dumps(row))
    for name in "AB":
        (folder / f"{name}.json").write_text("{}")
    for kind, (source, nothing, goldens) in SUITES.items():
        (folder / kind).mkdir()
        text = source.format(tests=TESTS, side=SIDE, nothing=nothing, goldens=goldens)
        (folder / kind / "test_suite.py").write_text(text)


def run(folder: Path, suite: str, *options: str) -> float:
    """CPU seconds of one suite; the gate's own verdict does not matter."""
    command = [sys.executable, "-m", "pytest", "-q", f"{suite}/test_suite.py"]
    command += ["--vlm-engine=fake", "--vlm-samples=samples.jsonl", "-p", "no:cacheprovider"]
    command += ["--checkpoint=A=A.json", "--checkpoint=B=B.json", *options]
    environment = {name: value for name, value in os.environ.items() if name != "CI"}
    environment["XDG_CACHE_HOME"] = str(folder / "cache")
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    ended = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if f"{TESTS} passed" not in ended.stdout:
        sys.exit(ended.stdout[-3000:] + ended.stderr[-3000:])
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def comparing() -> float:
    """CPU milliseconds of one comparison."""
    first, other = np.random.default_rng(1).random((2, SIDE, SIDE), np.float32)
    golden, near = (
        Heatmap.of_grid(one, size=(64, 64), method="attention")
        for one in (first, first + other / 1000)
    )
    took = []
    for _ in range(200):
        start = time.process_time()
        compare_maps(golden, near)
        took.append(time.process_time() - start)
    return 1000 * median(took)


def golden_bytes(folder: Path) -> int:
    """Of the largest golden."""
    goldens = (folder / "goldens").rglob("*.npz")
    return max(path.stat().st_size + path.with_suffix(".json").stat().st_size for path in goldens)


def told(name: str, value: float, unit: str, limit: float) -> bool:
    """Print a number beside its limit; gives whether it holds."""
    missed = "" if value <= limit else "  MISSED"
    print(f"{name:<10} {value:8.3f} {unit:<9} limit {limit:g}{missed}")
    return value <= limit


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=5)
    runs = parser.parse_args().runs
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        project(folder)
        run(folder, "golden", "--vlm-accept-goldens")
        took: dict[str, list[float]] = {suite: [] for suite in SUITES}
        for _ in range(runs):
            for suite, found in took.items():
                found.append(run(folder, suite))
        seconds = {kind: median(found) for kind, found in took.items()}
        for suite, second in seconds.items():
            print(f"{suite:<10} {second:8.3f} s for {TESTS} tests")
        kept = [
            told(kind, 1000 * (seconds[kind] - seconds["nothing"]) / TESTS, "ms a test", limit)
            for kind, limit in (("golden", PASSING_MS), ("near", math.inf))
        ]
        kept.append(told("comparing", comparing(), "ms", COMPARING_MS))
        kept.append(told("bytes", golden_bytes(folder), "", BYTES))
    return 0 if all(kept) else 1


if __name__ == "__main__":
    sys.exit(main())
