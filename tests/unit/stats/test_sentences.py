"""A sentence for every outcome, to the letter."""

from __future__ import annotations

import pytest

from pytest_vlm.stats import compare


@pytest.mark.parametrize(
    ("claim", "counts", "text"),
    [
        (
            {"claim": "not_worse", "margin": 0.05},
            {"b": 10, "c": 10, "both": 150, "neither": 30},
            "Not worse: a loss of 5 points or more is ruled out. From 80.0 % to 80.0 %, "
            "that is +0.0 points (90 % interval -3.9 to +3.9; 10 lost, 10 won of 200 pairs;"
            " p = 0.0201).",
        ),
        (
            {"claim": "not_worse", "margin": 0.05},
            {"both": 150, "neither": 30},
            "Not worse: a loss of 5 points or more is ruled out. From 83.3 % to 83.3 %, "
            "that is +0.0 points (90 % interval -1.5 to +1.5; not one answer differs of 180"
            " pairs; p = 0.00107).",
        ),
        (
            {"claim": "not_worse", "margin": 0.05},
            {"b": 40, "c": 5, "both": 125, "neither": 30},
            "Worse: the candidate loses more than the margin of 5 points. From 82.5 % to "
            "65.0 %, that is -17.5 points (90 % interval -22.9 to -12.5; 40 lost, 5 won of "
            "200 pairs).",
        ),
        (
            {"claim": "not_worse", "margin": 0.05},
            {"b": 14, "c": 10, "both": 146, "neither": 30},
            "Not shown: a loss of 5 points is not ruled out. From 80.0 % to 78.0 %, that is"
            " -2.0 points (90 % interval -6.2 to +2.1; 14 lost, 10 won of 200 pairs). Two "
            "equal checkpoints would need about 319 pairs to show it.",
        ),
        (
            {"claim": "not_worse", "margin": 0.05},
            {"b": 16, "c": 2, "both": 310, "neither": 72},
            "Not shown: the candidate is worse, though not clearly by more than 5 points. "
            "From 81.5 % to 78.0 %, that is -3.5 points (90 % interval -5.5 to -1.9; 16 "
            "lost, 2 won of 400 pairs). More pairs would decide it.",
        ),
        (
            {"claim": "not_worse", "margin": 0.05},
            {"both": 52, "neither": 5},
            "Not shown: a loss of 5 points is not ruled out. From 91.2 % to 91.2 %, that is"
            " +0.0 points (90 % interval -4.5 to +4.5; not one answer differs of 57 pairs)."
            " Two equal checkpoints would need about 59 pairs to show it.",
        ),
        (
            {"claim": "better"},
            {"b": 2, "c": 14, "both": 150, "neither": 34},
            "Better: a gain is shown. From 76.0 % to 82.0 %, that is +6.0 points (90 % "
            "interval +3.0 to +9.7; 2 lost, 14 won of 200 pairs; p = 0.00117).",
        ),
        (
            {"claim": "better"},
            {"b": 14, "c": 2, "both": 150, "neither": 34},
            "Worse: the candidate loses. From 82.0 % to 76.0 %, that is -6.0 points (90 % "
            "interval -9.7 to -3.0; 14 lost, 2 won of 200 pairs).",
        ),
        (
            {"claim": "better"},
            {"b": 4, "c": 6, "both": 150, "neither": 40},
            "Not shown: there may be no gain. From 77.0 % to 78.0 %, that is +1.0 points "
            "(90 % interval -1.8 to +4.0; 4 lost, 6 won of 200 pairs). More pairs would "
            "decide it.",
        ),
        (
            {"claim": "better", "margin": 0.05},
            {"b": 5, "c": 40, "both": 125, "neither": 30},
            "Better: a gain above 5 points is shown. From 65.0 % to 82.5 %, that is +17.5 "
            "points (90 % interval +12.5 to +22.9; 5 lost, 40 won of 200 pairs; p = "
            "3.09e-05).",
        ),
        (
            {"claim": "better", "margin": 0.05},
            {"b": 10, "c": 10, "both": 150, "neither": 30},
            "Not better: a gain above 5 points is ruled out. From 80.0 % to 80.0 %, that is"
            " +0.0 points (90 % interval -3.9 to +3.9; 10 lost, 10 won of 200 pairs).",
        ),
        (
            {"claim": "better", "margin": 0.05},
            {"b": 10, "c": 20, "both": 140, "neither": 30},
            "Not shown: a gain above 5 points is neither shown nor refuted. From 75.0 % to "
            "80.0 %, that is +5.0 points (90 % interval +0.5 to +9.7; 10 lost, 20 won of "
            "200 pairs). More pairs would decide it.",
        ),
        (
            {"claim": "equivalent", "margin": 0.05},
            {"b": 5, "c": 5, "both": 360, "neither": 30},
            "Equivalent: a difference of 5 points or more is ruled out. From 91.2 % to 91.2"
            " %, that is +0.0 points (90 % interval -1.5 to +1.5; 5 lost, 5 won of 400 "
            "pairs; p = 2.55e-05).",
        ),
        (
            {"claim": "equivalent", "margin": 0.05},
            {"b": 5, "c": 60, "both": 305, "neither": 30},
            "Not equivalent: the difference is larger than 5 points. From 77.5 % to 91.2 %,"
            " that is +13.8 points (90 % interval +10.8 to +17.1; 5 lost, 60 won of 400 "
            "pairs).",
        ),
        (
            {"claim": "equivalent", "margin": 0.05},
            {"b": 15, "c": 25, "both": 330, "neither": 30},
            "Not shown: a difference of 5 points is not ruled out. From 86.2 % to 88.8 %, "
            "that is +2.5 points (90 % interval -0.1 to +5.2; 15 lost, 25 won of 400 "
            "pairs). More pairs would decide it.",
        ),
        (
            {"claim": "no_regression", "mde": 0.1},
            {"b": 10, "c": 10, "both": 150, "neither": 30},
            "No regression seen; one of 10 points would have been. From 80.0 % to 80.0 %, "
            "that is +0.0 points (90 % interval -3.9 to +3.9; 10 lost, 10 won of 200 "
            "pairs).",
        ),
        (
            {"claim": "no_regression", "mde": 0.1},
            {"b": 20, "c": 3, "both": 147, "neither": 30},
            "Regression: the candidate is worse. From 83.5 % to 75.0 %, that is -8.5 points"
            " (90 % interval -12.7 to -4.9; 20 lost, 3 won of 200 pairs; p = 0.000139).",
        ),
        (
            {"claim": "no_regression", "mde": 0.05},
            {"b": 1, "c": 1, "both": 20, "neither": 8},
            "Not shown: this data would only reveal a loss of 19.2 points or more, not one "
            "of 5 points. From 70.0 % to 70.0 %, that is +0.0 points (90 % interval -10.9 "
            "to +10.9; 1 lost, 1 won of 30 pairs). About 233 pairs are needed.",
        ),
        (
            {"claim": "not_worse", "margin": 0.05, "sequential": "anytime"},
            {"b": 10, "c": 10, "both": 370, "neither": 110},
            "Not worse: a loss of 5 points or more is ruled out. From 76.0 % to 76.0 %, "
            "that is +0.0 points (90 % interval -2.4 to +2.7; 10 lost, 10 won of 500 pairs;"
            " p = 0.0486). Decided after 129 of 500 pairs; 371 were not needed.",
        ),
        (
            {"claim": "not_worse", "margin": 0.05, "sequential": "anytime"},
            {"b": 100, "c": 10, "both": 280, "neither": 110},
            "Worse: the candidate loses more than the margin of 5 points. From 76.0 % to "
            "58.0 %, that is -18.0 points (90 % interval -23.9 to -13.0; 100 lost, 10 won "
            "of 500 pairs). Decided after 72 of 500 pairs; 428 were not needed.",
        ),
        (
            {"claim": "not_worse", "margin": 0.05, "sequential": "anytime"},
            {"b": 30, "c": 20, "both": 280, "neither": 110},
            "Not shown: a loss of 5 points is not ruled out. From 70.5 % to 68.2 %, that is"
            " -2.3 points (90 % interval -6.1 to +2.4; 30 lost, 20 won of 440 pairs). "
            "Undecided after all 440 pairs. Two equal checkpoints would need about 690 pairs"
            " to show it.",
        ),
        (
            {"claim": "not_worse", "margin": 0.05, "sequential": "anytime", "target": "dataset"},
            {"b": 30, "c": 20, "both": 280, "neither": 110},
            "Not worse: a loss of 5 points or more is ruled out. From 70.5 % to 68.2 %, "
            "that is -2.3 points (90 % interval -2.3 to -2.3; 30 lost, 20 won of 440 pairs;"
            " p = 0.0477). Decided after 181 of 440 pairs; 259 were not needed. It holds "
            "for this dataset only.",
        ),
        (
            {"claim": "not_worse", "margin": 0.05, "sequential": "anytime"},
            {"b": 3, "c": 3, "both": 40, "neither": 10},
            "Not shown: a loss of 5 points is not ruled out. From 76.8 % to 76.8 %, that is"
            " +0.0 points (90 % interval -14.1 to +12.9; 3 lost, 3 won of 56 pairs). "
            "Undecided after all 56 pairs. Two equal checkpoints would need about 649 pairs"
            " to show it.",
        ),
        (
            {"claim": "not_worse", "margin": 0.05, "sequential": "anytime"},
            {"b": 195, "both": 405},
            "Worse: the candidate loses more than the margin of 5 points. From 100.0 % to "
            "67.5 %, that is -32.5 points (90 % interval -36.6 to -27.3; 195 lost, 0 won of "
            "600 pairs). Decided after 19 of 600 pairs; 581 were not needed.",
        ),
        (
            {"claim": "not_worse", "margin": 0.05, "sequential": "anytime"},
            {"both": 600},
            "Not shown: the baseline gets everything right; data that is so easy proves "
            "nothing. From 100.0 % to 100.0 %, that is +0.0 points (90 % interval -0.8 to "
            "+0.8; not one answer differs of 600 pairs). Undecided after all 600 pairs.",
        ),
        (
            {"claim": "not_worse", "margin": 0.25, "sequential": "anytime", "target": "dataset"},
            {"b": 1, "both": 2, "neither": 1},
            "Not shown: the candidate is worse, though not clearly by more than 25 points. "
            "From 75.0 % to 50.0 %, that is -25.0 points (90 % interval -25.0 to -25.0; 1 "
            "lost, 0 won of 4 pairs). Undecided after all 4 pairs. It holds for this dataset "
            "only. It lies exactly at the margin.",
        ),
        (
            {"claim": "not_worse", "margin": 0.05, "sequential": "anytime", "target": "dataset"},
            {"both": 1, "neither": 1},
            "Not worse: a loss of 5 points or more is ruled out. From 50.0 % to 50.0 %, that"
            " is +0.0 points (90 % interval +0.0 to +0.0; not one answer differs of 2 pairs; "
            "p < 1e-12). Decided after 2 of 2 pairs. It holds for this dataset only.",
        ),
        (
            {"claim": "not_worse", "margin": 0.05, "kind": "positive"},
            {"both": 4},
            "Not shown: a loss of 5 % is not ruled out. From 1 to 1, that is 1.000 times as much"
            " (90 % interval 1.000 to 1.000; not one value differs of 4 pairs). Two equal "
            "checkpoints would need about 5 pairs to show it.",
        ),
    ],
)
def test_what_a_person_reads(paired, claim, counts, text):
    assert str(compare(**paired(**counts), **claim)) == text
