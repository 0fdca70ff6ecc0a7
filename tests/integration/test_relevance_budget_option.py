"""``--vlm-relevance-budget``: a method that costs too much is refused, and that is no skip."""

from __future__ import annotations

import pytest

SUITE = """
import pytest
from pytest_vlm.scores import pointing_game

@pytest.mark.vlm_requires("relevance")
def test_place(compare, samples):
    compare(samples, score=pointing_game).assert_not_worse(margin=0.2)
"""
OCCLUSION = ("--vlm-relevance", "occlusion")


@pytest.mark.parametrize("budget", [1, 40 * 17 - 1])
def test_above_the_budget_is_red(project, suite, budget):
    suite(SUITE)
    project.samples(40)
    pair = (project.checkpoint("A"), project.checkpoint("B"))
    result = project.gate(*pair, options=(*OCCLUSION, "--vlm-relevance-budget", str(budget)))
    assert result.ret == 1
    outcomes = result.parseoutcomes()
    assert outcomes.get("skipped", 0) == 0
    assert outcomes.get("failed", 0) + outcomes.get("errors", 0) >= 1
    result.stdout.fnmatch_lines([f"*maps by occlusion: * and the budget is {budget};*"])


def test_within_the_budget_maps_are_made(project, suite):
    suite("def test_peak(relevance, samples): assert relevance(samples[0]).peak() is not None")
    project.samples(3)
    for budget, passed in (("16", 0), ("17", 1)):
        options = (*OCCLUSION, "--vlm-relevance-budget", budget)
        result = project.gate(project.checkpoint("A"), options=options)
        assert result.parseoutcomes().get("passed", 0) == passed
