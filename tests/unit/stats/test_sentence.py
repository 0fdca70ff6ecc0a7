"""The words a person reads, to the letter."""

from __future__ import annotations

import pytest

from pytest_vlm.stats import compare

NOT_WORSE = {"claim": "not_worse", "margin": 0.05}


@pytest.mark.parametrize(
    ("counts", "text"),
    [
        pytest.param(
            {"b": 10, "c": 10, "both": 150, "neither": 30},
            "Not worse: a loss of 5 points or more is ruled out. From 80.0 % to 80.0 %, that is "
            "+0.0 points (90 % interval -3.9 to +3.9; 10 lost, 10 won of 200 pairs; p = 0.0201).",
            id="pass",
        ),
        pytest.param(
            {"b": 40, "c": 5, "both": 125, "neither": 30},
            "Worse: the candidate loses more than the margin of 5 points. From 82.5 % to 65.0 %, "
            "that is -17.5 points (90 % interval -22.9 to -12.5; 40 lost, 5 won of 200 pairs).",
            id="fail",
        ),
        pytest.param(
            {"b": 16, "c": 2, "both": 310, "neither": 72},
            "Not shown: the candidate is worse, though not clearly by more than 5 points. "
            "From 81.5 % to 78.0 %, that is -3.5 points (90 % interval -5.5 to -1.9; "
            "16 lost, 2 won of 400 pairs). More pairs would decide it.",
            id="inconclusive",
        ),
        pytest.param(
            {"b": 2, "c": 2, "both": 56, "neither": 20},
            "Not shown: a loss of 5 points is not ruled out. From 72.5 % to 72.5 %, that is "
            "+0.0 points (90 % interval -5.2 to +5.2; 2 lost, 2 won of 80 pairs). "
            "Two equal checkpoints would need about 167 pairs to show it.",
            id="underpowered",
        ),
        pytest.param(
            {"neither": 200},
            "Not shown: the baseline gets nothing right, so agreeing with it proves nothing. "
            "From 0.0 % to 0.0 %, that is +0.0 points (90 % interval -1.3 to +1.3; "
            "not one answer differs of 200 pairs).",
            id="broken baseline",
        ),
    ],
)
def test_not_worse_in_words(paired, counts, text):
    assert str(compare(**paired(**counts), **NOT_WORSE)) == text


def test_clusters_are_said(paired):
    result = compare(
        **paired(b=3, c=3, both=183, neither=11), **NOT_WORSE, clusters=[i % 50 for i in range(200)]
    )
    assert "3 lost, 3 won of 200 pairs in 50 clusters" in str(result)


def test_an_undecided_regression_says_that_the_data_is_too_small(paired):
    """Nothing lies close to a margin here: one loss and one win of thirty."""
    result = compare(**paired(b=1, c=1, both=20, neither=8), claim="no_regression", mde=0.05)
    assert result.verdict == "inconclusive"
    assert str(result) == (
        "Not shown: this data would only reveal a loss of 19.2 points or more, not one of "
        "5 points. From 70.0 % to 70.0 %, that is +0.0 points (90 % interval -10.9 to +10.9; "
        "1 lost, 1 won of 30 pairs). About 233 pairs are needed."
    )
