"""Metrics of the tools as scores: their bounds and direction are never guessed."""

from __future__ import annotations

import pytest

from pytest_vlm.errors import LogError, SettingsError
from pytest_vlm.logs.entries import Entry, LoggedAnswers
from pytest_vlm.logs.judging import LoggedScore
from pytest_vlm.logs.pairing import pair_logs


def logs(**metrics):
    entries = [
        Entry(
            where=f"line {i}",
            id=str(i),
            question="?",
            targets=("x",),
            answers=("x",),
            recorded={name: values[i] for name, values in metrics.items()},
        )
        for i in range(2)
    ]
    log = LoggedAnswers.of("A", "t", entries)
    return pair_logs(log, log)


def test_right_or_wrong_is_binary_and_the_rest_is_bounded():
    paired = logs(acc=(0, 1), anls=(0.5, 1), half=(0, 1))
    assert LoggedScore.find("log:acc", paired).score.kind == "binary"
    assert LoggedScore.find("log:anls", paired).score.kind == "bounded"
    assert LoggedScore.find("log:half", paired, bounds=(0, 2)).score.kind == "bounded"


def test_values_are_those_of_the_log_whatever_the_answers():
    paired = logs(acc=(0, 1))
    score = LoggedScore.find("log:acc", paired)
    assert [v.value for v in score.values(paired.baseline, [1, 0])] == [1.0, 0.0]
    judged = LoggedScore.find("exact_match", paired)
    assert [v.value for v in judged.values(paired.baseline, [1, 0])] == [1.0, 1.0]


def test_a_metric_out_of_bounds_asks_for_them():
    paired = logs(gpt_score=(7, 80))
    with pytest.raises(LogError, match=r"is 7 somewhere, .* such as --bounds 0 100"):
        LoggedScore.find("log:gpt_score", paired)
    assert LoggedScore.find("log:gpt_score", paired, bounds=(0, 100)).score.bounds == (0, 100)
    with pytest.raises(SettingsError, match="100 is not below 0"):
        LoggedScore.find("log:gpt_score", paired, bounds=(100, 0))


@pytest.mark.parametrize("name", ["wer", "mean_wer", "asr.CER", "brier_score", "edit_distance"])
def test_a_metric_that_counts_mistakes_is_never_taken_as_a_gain(name):
    paired = logs(**{name: (0.1, 0.2)})
    with pytest.raises(SettingsError, match="add --lower-is-better"):
        LoggedScore.find(f"log:{name}", paired)
    assert LoggedScore.find(f"log:{name}", paired, lower_is_better=True).score.better == "lower"


@pytest.mark.parametrize("name", ["answer", "power", "lossless", "filter", "terse"])
def test_a_name_that_only_sounds_like_one_is_a_gain(name):
    assert LoggedScore.find(f"log:{name}", logs(**{name: (0, 1)})).score.better == "higher"


def test_our_scores_know_their_direction():
    with pytest.raises(SettingsError, match="exact_match knows its bounds and direction"):
        LoggedScore.find("exact_match", logs(acc=(0, 1)), lower_is_better=True)
