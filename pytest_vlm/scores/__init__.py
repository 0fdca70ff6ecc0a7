"""Scores: predictions in, one number a sample out."""

from pytest_vlm.scores.maps import pointing_game
from pytest_vlm.scores.score import Case, Score, ScoreValue, score
from pytest_vlm.scores.text import contains, exact_match

__all__ = [
    "Case",
    "Score",
    "ScoreValue",
    "contains",
    "exact_match",
    "pointing_game",
    "score",
]
