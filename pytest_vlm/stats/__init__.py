"""Claims about paired scores; numpy and scipy only, useful without pytest.

>>> from pytest_vlm import stats
>>> right = [1] * 180 + [0] * 20
>>> stats.compare(baseline=right, candidate=right, claim="not_worse", margin=0.05).verdict
'pass'
"""

from pytest_vlm.stats.compare import assert_claim, compare
from pytest_vlm.stats.planning import detectable_effect, n_least, n_least_anytime, n_required
from pytest_vlm.stats.power import identical_pass_rate, pass_probability
from pytest_vlm.stats.result import ComparisonResult
from pytest_vlm.stats.sequential import Stream

__all__ = [
    "ComparisonResult",
    "Stream",
    "assert_claim",
    "compare",
    "detectable_effect",
    "identical_pass_rate",
    "n_least",
    "n_least_anytime",
    "n_required",
    "pass_probability",
]
