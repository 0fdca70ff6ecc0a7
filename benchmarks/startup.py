"""What the plugin costs a project that does not use it: CPU time of `pytest --co`.

    python benchmarks/startup.py [--rounds 15]

Interleaved runs in one folder with one test; the figure is the median of the differences.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from tqdm import trange

LIMIT_MS = 50.0


def cpu_milliseconds(folder: Path, *options: str) -> float:
    """User and system time of one collection, in milliseconds."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [sys.executable, "-m", "pytest", "--co", "-q", *options],
        cwd=folder,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        stdout=subprocess.DEVNULL,
        check=True,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return 1000 * (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def main() -> int:
    """Print the medians; 1 where the plugin costs more than the limit."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=15, help="pairs of runs (default 15)")
    rounds = parser.parse_args().rounds
    without, differences = [], []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "test_plain.py").write_text("def test_plain(): pass\n")
        cpu_milliseconds(folder, "-p", "pytest_vlm.plugin")
        for _ in trange(rounds, desc="pairs"):
            without.append(cpu_milliseconds(folder))
            differences.append(cpu_milliseconds(folder, "-p", "pytest_vlm.plugin") - without[-1])
    cost = statistics.median(differences)
    print(f"pytest --co without the plugin: {statistics.median(without):.0f} ms CPU (median)")
    print(f"with the plugin: {cost:+.1f} ms (median of {rounds} differences, limit {LIMIT_MS:g})")
    return int(cost > LIMIT_MS)


if __name__ == "__main__":
    sys.exit(main())
