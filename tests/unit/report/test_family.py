"""The family of claims, in one sentence."""

from __future__ import annotations

import pytest
from reported import FAMILY

from pytest_vlm.report.family import family_sentence


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        (
            {},
            "family of 10 claims (2 candidates × 5): a regression claim fails at p ≤ 0.005 "
            "(0.05 / 10); an identical candidate would pass all of its claims in 59 % of such runs",
        ),
        (
            {"claims": 3, "candidates": 1, "pass_rate": None},
            "family of 3 claims: a regression claim fails at p ≤ 0.017 (0.05 / 3)",
        ),
        (
            {"claims": 5, "pass_rate": 1.0, "alpha": None},
            "family of 5 claims; an identical candidate would pass all of its claims "
            "in 100 % of such runs",
        ),
        (
            {"claims": 2, "candidates": 1, "regressions": 0, "pass_rate": 0.5},
            "family of 2 claims; an identical candidate would pass all of its claims "
            "in 50 % of such runs",
        ),
        (
            {"regressions": 0, "pass_rate": 0.5, "candidate": "B"},
            "family of 10 claims (2 candidates × 5); a candidate as good as the baseline that "
            "changes as many answers as B would pass all of its claims in 50 % of such runs",
        ),
        ({"claims": 1, "candidates": 1}, ""),
        ({"claims": 0}, ""),
    ],
)
def test_the_sentence(fields, words):
    assert family_sentence({**FAMILY, **fields}).replace("\N{NO-BREAK SPACE}", " ") == words


def test_a_run_without_a_family_says_nothing():
    assert family_sentence({}) == ""
