"""Does it fit the card? The limit is --vlm-memory-budget; without one the peak is only reported."""

import pytest


@pytest.mark.vlm_memory
def test_fits_the_budget(predict, samples):
    assert len(predict(samples[:32])) == len(samples[:32])
