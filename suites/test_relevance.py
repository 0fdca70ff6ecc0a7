"""Does the candidate still look at the right place?"""

from urllib.parse import quote

import pytest

from pytest_vlm.scores import pointing_game


@pytest.mark.vlm_requires("regions", "relevance")
def test_looks_at_the_right_place(compare, samples):
    compare(samples, score=pointing_game).assert_not_worse(margin=0.05)


@pytest.mark.vlm_requires("tag:golden", "relevance")
def test_maps_are_the_accepted_ones(golden, relevance, samples):
    differing = []
    for sample in samples.tagged("golden"):
        try:
            golden(quote(sample.id, safe="")).check(relevance(sample))
        except AssertionError as problem:
            differing.append(str(problem))
    assert not differing, "\n".join(differing)
