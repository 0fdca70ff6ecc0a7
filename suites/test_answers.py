"""Does the candidate still answer right?"""

import pytest

from pytest_vlm.scores import exact_match


@pytest.mark.vlm_requires("targets")
def test_answers_hold(compare, samples):
    compare(samples, score=exact_match).assert_not_worse(margin=0.05)
