"""Scores that see the baseline's map beside each side's own."""

from __future__ import annotations

import numpy as np
import pytest

from pytest_vlm.comparison import pairs
from pytest_vlm.comparison.sides import Side, Sides
from pytest_vlm.evaluation.evaluation import Evaluation
from pytest_vlm.evaluation.predictions import Completion, Prediction
from pytest_vlm.evaluation.samples import Message, Sample, Text
from pytest_vlm.heatmap.heatmap import Heatmap
from pytest_vlm.scores import map_agreement, score
from pytest_vlm.scores.score import ScoreValue

SAMPLES = [
    Sample(id=f"s{i}", messages=(Message(role="user", parts=(Text(text=str(i)),)),))
    for i in range(5)
]


def heatmap(side: str, number: int) -> Heatmap:
    grid = np.random.default_rng(number).random((4, 4))
    return Heatmap.of_grid(grid if side == "A" else grid[::-1], size=(40, 40), method="m")


def maps_of(chosen):
    numbers = [int(sample.id[1:]) for sample in chosen]
    return tuple([heatmap(side, number) for number in numbers] for side in "AB")


def sides(maps=maps_of, *, raw: str = "x") -> Sides:
    def side(name: str) -> Side:
        def evaluate(samples):
            answer = raw if name == "B" else "x"
            completion = Completion.parse(answer, finish_reason="stop", tokens=1)
            return Evaluation(
                predictions=tuple(
                    Prediction(sample_id=s.id, completions=(completion,)) for s in samples
                ),
                values=tuple(ScoreValue(value=None, reason="not alone") for _ in samples),
            )

        return Side(name=name, evaluate=evaluate)

    return Sides(baseline=side("A"), candidate=side("B"), maps=maps)


@pytest.mark.parametrize("at_once", [1, 2, 64])
def test_each_side_is_judged_beside_the_baselines_map(monkeypatch, at_once):
    monkeypatch.setattr(pairs, "MAPS_AT_ONCE", at_once)
    asked = []

    def maps(chosen):
        asked.append(len(chosen))
        return maps_of(chosen)

    before, after = sides(maps).answer(SAMPLES, map_agreement).numbers()
    assert before == [1] * 5
    expected = [
        max(np.corrcoef(heatmap("A", i).values, heatmap("B", i).values)[0, 1], 0) for i in range(5)
    ]
    assert after == pytest.approx(expected, abs=1e-6)
    assert sum(asked) == 5
    assert max(asked) <= at_once


def test_an_empty_answer_agrees_with_nothing():
    before, after = sides(raw="").answer(SAMPLES, map_agreement).numbers()
    assert (before, after) == ([1] * 5, [0] * 5)


def test_a_map_that_is_missing_is_a_missing_value():
    found = sides(lambda chosen: (maps_of(chosen)[0], [None] * len(chosen)))
    pairs = found.answer(SAMPLES, map_agreement)
    assert "5 of 5 samples have no value for B" in pairs.problem()
    assert "no relevance map was made for 's0'" in pairs.problem()


def test_a_score_of_ones_own_may_see_both_maps():
    @score(name="louder", needs=("relevance", "baseline"))
    def louder(case):
        return float(case.heatmap.values.max() > case.baseline.values.max())

    def maps(chosen):
        quiet = [Heatmap.of_grid([[1.0]], size=(4, 4), method="m") for _ in chosen]
        return quiet, [Heatmap.of_grid([[2.0]], size=(4, 4), method="m") for _ in chosen]

    assert sides(maps).answer(SAMPLES, louder).numbers() == ([0] * 5, [1] * 5)
