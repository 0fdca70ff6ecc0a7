"""What a verdict costs whose answers are all known: 2 x 10,000 samples, without loading torch.

    python benchmarks/warm_cache.py [--rounds 5] [--samples 10000]

The first run answers with the two demo checkpoints and fills a cache (minutes); the following ones,
each a pytest of its own, find every answer. The figure is the median of their time from the start
of pytest's main function to its end.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from tqdm import trange

from app.digits.samples import write_samples

LIMIT_SECONDS = 2.0
CHECKPOINTS = Path(__file__).parents[1] / "app/digits/checkpoints"
SUITE = """
from pytest_vlm.scores import exact_match

def test_answers(compare, samples):
    compare(samples, score=exact_match).assert_not_worse(margin=0.05)
"""
RUN = """
import json, sys, time
start, cpu = time.perf_counter(), time.process_time()
import pytest
code = pytest.main(sys.argv[2:])
spent = {"wall": time.perf_counter() - start, "cpu": time.process_time() - cpu}
spent |= {"code": code, "torch": "torch" in sys.modules}
open(sys.argv[1], "w").write(json.dumps(spent))
"""


def run(folder: Path) -> dict[str, float]:
    """Seconds and exit code of one pytest, and whether it imported torch."""
    command = [sys.executable, "-c", RUN, str(folder / "spent.json"), "-q", str(folder / "suite")]
    command += [
        f"--checkpoint=A={CHECKPOINTS / 'weak'}",
        f"--checkpoint=B={CHECKPOINTS / 'strong'}",
    ]
    command += [f"--vlm-samples={folder / 'samples.jsonl'}", f"--vlm-cache-dir={folder / 'cache'}"]
    command += ["-p", "pytest_vlm.plugin", f"--vlm-report={folder / 'report'}"]
    alone = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}  # other plugins take their time
    subprocess.run(command, cwd=folder, env=alone, stdout=subprocess.DEVNULL, check=True)
    spent: dict[str, float] = json.loads((folder / "spent.json").read_text())
    return spent


def main() -> int:
    """Print the medians; 1 where the limit is missed, torch was imported, or the gate is red."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5, help="warm runs (default 5)")
    parser.add_argument("--samples", type=int, default=10_000, help="questions (default 10000)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        count = write_samples(folder, options.samples // 2, seed=5)
        (folder / "suite").mkdir()
        (folder / "suite/test_suite.py").write_text(SUITE)
        (folder / "pytest.ini").write_text("[pytest]\n")
        cold = run(folder)
        warm = [run(folder) for _ in trange(options.rounds, desc="warm runs")]
    wall = statistics.median(one["wall"] for one in warm)
    cpu = statistics.median(one["cpu"] for one in warm)
    torch = any(one["torch"] for one in warm)
    print(f"answering 2 x {count} samples: {cold['wall']:.1f} s")
    print(f"known before: {wall:.2f} s, CPU {cpu:.2f} s (median, limit {LIMIT_SECONDS:g} s)")
    print(f"torch imported: {'yes' if torch else 'no'}")
    return int(wall > LIMIT_SECONDS or torch or any(one["code"] for one in [cold, *warm]))


if __name__ == "__main__":
    sys.exit(main())
