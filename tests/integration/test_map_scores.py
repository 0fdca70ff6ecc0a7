"""Scores of maps in claims about the demo checkpoints, whose maps are known to differ."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_vlm.errors import ClaimNotShown
from pytest_vlm.scores import (
    coverage,
    coverage_at_top_k,
    map_agreement,
    map_entropy,
    mass_inside,
    pattern,
    pointing_game_within,
)
from pytest_vlm.session import Session
from pytest_vlm.settings import Settings

DIGITS = Path(__file__).parents[2] / "app/digits"
WORD = pattern(r"(\w+)")


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    weak, strong = (DIGITS / "checkpoints" / name for name in ("weak", "strong"))
    settings = Settings(
        checkpoints=(f"A={strong}", f"B={strong}", f"C={weak}"),
        samples=DIGITS / "heldout/samples.jsonl",
        limit=240,
    )
    with Session(settings, folder=tmp_path_factory.mktemp("run")) as session:
        yield session


@pytest.fixture
def claim(session):
    def make(name: str, score, margin: float):
        (candidate,) = (spec for spec in session.candidates if spec.name == name)
        samples = session.samples.with_regions()
        return session.compare(candidate, samples, score=score).assert_not_worse(margin=margin)

    return make


@pytest.mark.parametrize(
    "score",
    [
        coverage(3),
        map_entropy,
        pointing_game_within(4),
        mass_inside.extracting(WORD),
        map_agreement.extracting(WORD),
    ],
    ids=lambda score: score.name,
)
def test_the_same_weights_look_at_the_same_place(claim, score):
    result = claim("B", score, 0.1)
    assert (result.verdict, result.estimate) == ("pass", 0)


@pytest.mark.parametrize("score", [mass_inside, coverage_at_top_k, map_agreement])
def test_weights_that_look_beside_it_are_caught(claim, score):
    with pytest.raises(ClaimNotShown, match="Worse: the candidate loses more than the margin"):
        claim("C", score, 0.04)
