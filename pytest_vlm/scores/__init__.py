"""Scores: predictions in, one number a sample out."""

from pytest_vlm.scores.anls import anls
from pytest_vlm.scores.behaviour import refusal, same_script
from pytest_vlm.scores.boxes import iou, iou_at, point_in_box
from pytest_vlm.scores.captions import bleu, chrf, rouge_l
from pytest_vlm.scores.catalogue import find_score
from pytest_vlm.scores.choice import choice
from pytest_vlm.scores.extraction import (
    Extractor,
    boxed,
    choice_letter,
    json_field,
    last_number,
    pattern,
)
from pytest_vlm.scores.maps import (
    coverage,
    coverage_at_top_k,
    map_agreement,
    map_entropy,
    mass_inside,
    pointing_game,
    pointing_game_within,
)
from pytest_vlm.scores.numeric import relaxed_accuracy
from pytest_vlm.scores.overlap import token_f1
from pytest_vlm.scores.recognition import cer, wer
from pytest_vlm.scores.score import Case, Score, ScoreValue, Unparsable, score
from pytest_vlm.scores.speed import (
    latency,
    peak_memory,
    time_to_first_token,
    tokens_per_second,
)
from pytest_vlm.scores.text import contains, exact_match
from pytest_vlm.scores.vqa import vqa_accuracy

__all__ = [
    "Case",
    "Extractor",
    "Score",
    "ScoreValue",
    "Unparsable",
    "anls",
    "bleu",
    "boxed",
    "cer",
    "choice",
    "choice_letter",
    "chrf",
    "contains",
    "coverage",
    "coverage_at_top_k",
    "exact_match",
    "find_score",
    "iou",
    "iou_at",
    "json_field",
    "last_number",
    "latency",
    "map_agreement",
    "map_entropy",
    "mass_inside",
    "pattern",
    "peak_memory",
    "point_in_box",
    "pointing_game",
    "pointing_game_within",
    "refusal",
    "relaxed_accuracy",
    "rouge_l",
    "same_script",
    "score",
    "time_to_first_token",
    "token_f1",
    "tokens_per_second",
    "vqa_accuracy",
    "wer",
]
