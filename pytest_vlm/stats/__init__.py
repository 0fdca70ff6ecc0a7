"""Claims about paired scores; numpy and scipy only, useful without pytest.

>>> from pytest_vlm import stats
>>> right = [1] * 180 + [0] * 20
>>> stats.compare(baseline=right, candidate=right, claim="not_worse", margin=0.05).verdict
'pass'
"""

from pytest_vlm.stats.compare import assert_claim, compare
from pytest_vlm.stats.planning import detectable_effect, n_least, n_required
from pytest_vlm.stats.result import ComparisonResult

__all__ = [
    "ComparisonResult",
    "assert_claim",
    "compare",
    "detectable_effect",
    "n_least",
    "n_required",
]
