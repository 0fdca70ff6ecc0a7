"""What the statistics cost: one thread, CPU time, medians of interleaved rounds, in one process.

    python benchmarks/statistics.py [--rounds 15]

verdict      a paired right-or-wrong verdict with its interval, 10,000 pairs: under 2 ms
exact        an exact unconditional verdict of 300 pairs: under 0.5 s, then remembered
flips        9,999 sign flips of 10,000 pairs: at least 50 times as fast as
             scipy.stats.permutation_test, which is asked for 999 and taken ten times
e-process    32 more pairs: under 100 microseconds
import       of pytest_vlm.stats beside numpy's; it loads neither torch, pytest nor scipy

Numbers depend on the machine, ratios hardly; run it alone. Exit status 1 where a limit is missed.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from itertools import count
from statistics import median

ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
for _name in ONE_THREAD:
    os.environ.setdefault(_name, "1")  # before numpy starts its threads

import numpy as np  # noqa: E402
from tqdm import trange  # noqa: E402

from pytest_vlm.stats import compare  # noqa: E402
from pytest_vlm.stats.betting import EProcess  # noqa: E402
from pytest_vlm.stats.exact import critical_z, unconditional_p  # noqa: E402
from pytest_vlm.stats.resampling import RESAMPLES, sign_flip_p  # noqa: E402

PAIRS, FEW, LOOK = 10_000, 300, 32
VERDICT, EXACT, UPDATE, TIMES = 2e-3, 0.5, 100e-6, 50
SCIPY_RESAMPLES, SCIPY_BATCH = 999, 100
FORBIDDEN = ("torch", "pytest", "scipy")
IMPORTS = f"""
import sys
import pytest_vlm.stats
from pytest_vlm.stats import compare
sys.exit(", ".join(name for name in {FORBIDDEN!r} if name in sys.modules) or 0)
"""


def seconds(work: Callable[[], object], times: int = 1) -> float:
    """CPU time of one call."""
    start = time.process_time()
    for _ in range(times):
        work()
    return (time.process_time() - start) / times


def pairs(n: int, lost: int, won: int) -> tuple[np.ndarray, np.ndarray]:
    """Two columns of 0 and 1."""
    before = np.ones(n, dtype=np.int64)
    after = before.copy()
    after[:lost] = 0
    before[lost : lost + won] = 0
    before[-n // 10 :] = after[-n // 10 :] = 0
    return before, after


def import_cost(code: str) -> float:
    """CPU seconds of a Python that runs the code.

    Raises:
        SystemExit: a module was loaded that must not be.
    """
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"importing pytest_vlm.stats: {done.stderr.strip()}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def scipy_flips(differences: np.ndarray, rng: np.random.Generator) -> None:
    """The same test by scipy, in batches that fit in memory."""
    from scipy.stats import permutation_test

    permutation_test(
        (differences,),
        np.mean,
        permutation_type="samples",
        vectorized=True,
        n_resamples=SCIPY_RESAMPLES,
        batch=SCIPY_BATCH,
        alternative="less",
        rng=rng,
    )


def work() -> Iterator[tuple[str, Callable[[], float]]]:
    """What is timed, by name; each gives the CPU seconds of one call."""
    rng, number = np.random.default_rng(0), count()
    before, after = pairs(PAIRS, 500, 480)
    listed = before.tolist(), after.tolist()
    differences = rng.normal(-0.001, 0.2, PAIRS)
    process = EProcess(-0.05)
    increments = rng.choice([-1.0, 0.0, 1.0], LOOK, p=[0.05, 0.9, 0.05]) + 0.05

    def decide(a: object, b: object) -> None:
        compare(baseline=a, candidate=b, claim="not_worse", margin=0.05)  # type: ignore[arg-type]

    def exact(*, known: bool) -> float:
        losses = 10 + next(number) % 10
        sides = pairs(FEW, losses, losses + 2)
        if not known:
            unconditional_p.cache_clear()
            critical_z.cache_clear()
        else:
            decide(*sides)
        return seconds(lambda: decide(*sides))

    yield "verdict, arrays", lambda: seconds(lambda: decide(before, after), 20)
    yield "verdict, lists", lambda: seconds(lambda: decide(*listed), 20)
    yield "exact", lambda: exact(known=False)
    yield "exact, known", lambda: exact(known=True)
    yield "flips", lambda: seconds(lambda: sign_flip_p(differences, rng))
    yield "scipy's flips", lambda: _scaled(seconds(lambda: scipy_flips(differences, rng)))
    yield "e-process", lambda: seconds(lambda: process.update(increments), 500)
    yield "import numpy", lambda: import_cost("import numpy")
    yield "import pytest_vlm.stats", lambda: import_cost(IMPORTS)


def _scaled(spent: float) -> float:
    return spent * RESAMPLES / SCIPY_RESAMPLES


def main() -> int:
    """Print the medians; 1 where a limit is missed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=15, help="of everything (default 15)")
    rounds = parser.parse_args().rounds
    timed = dict(work())
    for measure in timed.values():
        measure()  # imports and caches that every process pays for once
    spent: dict[str, list[float]] = {name: [] for name in timed}
    for _ in trange(rounds, desc="rounds"):
        for name, measure in timed.items():
            spent[name].append(measure())
    figures = {name: median(found) for name, found in spent.items()}
    limits = {
        "verdict, arrays": VERDICT,
        "verdict, lists": VERDICT,
        "exact": EXACT,
        "e-process": UPDATE,
    }
    missed = [name for name, limit in limits.items() if figures[name] > limit]
    for name, figure in figures.items():
        limit = f", limit {_shown(limits[name])}" if name in limits else ""
        print(f"{name:25}{_shown(figure)} (worst {_shown(max(spent[name]))}{limit})")
    ratio = figures["scipy's flips"] / figures["flips"]
    print(f"sign flips: {ratio:.0f} times as fast as scipy's, limit {TIMES}")
    extra = figures["import pytest_vlm.stats"] - figures["import numpy"]
    print(f"pytest_vlm.stats on top of numpy: {_shown(extra)}; none of {', '.join(FORBIDDEN)}")
    if ratio < TIMES:
        missed.append("flips")
    print(f"missed: {', '.join(missed)}" if missed else "every limit is kept")
    return int(bool(missed))


def _shown(figure: float) -> str:
    return f"{1e6 * figure:.0f} us" if figure < 1e-3 else f"{1e3 * figure:.2f} ms"


if __name__ == "__main__":
    sys.exit(main())
