"""Scores by name, for a command line."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import cast

from pytest_vlm.errors import SettingsError
from pytest_vlm.scores import coordinates, extraction
from pytest_vlm.scores.coordinates import Convention
from pytest_vlm.scores.extraction import Extractor
from pytest_vlm.scores.score import Score

SCORES = {
    "exact_match": "text",
    "contains": "text",
    "choice": "choice",
    "anls": "anls",
    "vqa_accuracy": "vqa",
    "relaxed_accuracy": "numeric",
    "token_f1": "overlap",
    "cer": "recognition",
    "wer": "recognition",
    "bleu": "captions",
    "chrf": "captions",
    "rouge_l": "captions",
    "refusal": "behaviour",
    "same_script": "behaviour",
    "pointing_game": "maps",
    "mass_inside": "maps",
    "coverage_at_top_k": "maps",
    "map_entropy": "maps",
    "map_agreement": "maps",
    "latency": "speed",
    "time_to_first_token": "speed",
    "tokens_per_second": "speed",
    "peak_memory": "speed",
}
BOX_SCORES = ("iou", "iou_50", "point_in_box")
EXTRACTORS = ("boxed", "choice_letter", "last_number")
MADE_EXTRACTORS = ("json_field", "pattern")
CONVENTIONS = (
    "pixels",
    "fractions",
    "qwen2_vl",
    "qwen2_5_vl",
    "qwen3_vl",
    "internvl",
    "paligemma",
    "florence",
    "molmo",
    "kosmos",
)


def find_score(name: str) -> Score:
    """The score of a name: ``exact_match``, ``exact_match:last_number``, ``iou:qwen3_vl``.

    Behind the colon stands what takes out the final answer (``boxed``, ``choice_letter``,
    ``last_number``, ``json_field=NAME``, ``pattern=REGULAR EXPRESSION``), or for boxes and points
    the family of models that wrote them.

    Raises:
        SettingsError: there is no such score or setting; it lists those that there are.
    """
    plain, colon, setting = name.partition(":")
    if plain in BOX_SCORES:
        return _box_score(plain, _convention(setting, name))
    if plain not in SCORES:
        raise SettingsError(
            f"there is no score {plain!r}; there are {', '.join([*SCORES, *BOX_SCORES])}"
        )
    score = cast(Score, getattr(import_module(f"pytest_vlm.scores.{SCORES[plain]}"), plain))
    return score.extracting(_extractor(setting, name)) if colon else score


def _extractor(setting: str, name: str) -> Extractor:
    kind, equals, argument = setting.partition("=")
    if kind in EXTRACTORS and not equals:
        return cast(Extractor, getattr(extraction, kind))
    if kind in MADE_EXTRACTORS and argument:
        make = cast(Callable[[str], Extractor], getattr(extraction, kind))
        return make(argument)
    known = ", ".join([*EXTRACTORS, "json_field=NAME", "pattern=REGULAR EXPRESSION"])
    raise SettingsError(f"{name!r}: {setting!r} takes out no answer; there are {known}")


def _convention(setting: str, name: str) -> Convention:
    if setting not in CONVENTIONS:
        raise SettingsError(
            f"{name!r}: say which models wrote the coordinates, as in {name.partition(':')[0]}:"
            f"qwen3_vl; there are {', '.join(CONVENTIONS)}"
        )
    return cast(Convention, getattr(coordinates, setting.upper()))


def _box_score(plain: str, convention: Convention) -> Score:
    from pytest_vlm.scores.boxes import iou, iou_at, point_in_box

    if plain == "iou_50":
        return iou_at(0.5, convention)
    return iou(convention) if plain == "iou" else point_in_box(convention)
