"""Scores by name."""

from __future__ import annotations

import pytest

from pytest_vlm import scores
from pytest_vlm.errors import SettingsError
from pytest_vlm.scores import Score, find_score
from pytest_vlm.scores.catalogue import BOX_SCORES, CONVENTIONS, EXTRACTORS, SCORES


@pytest.mark.parametrize("name", SCORES)
def test_every_score_is_found_by_its_public_name(name):
    assert find_score(name) is getattr(scores, name)


def test_every_public_score_is_in_the_catalogue():
    public = {name for name in scores.__all__ if isinstance(getattr(scores, name), Score)}
    assert public == set(SCORES)


@pytest.mark.parametrize("extractor", EXTRACTORS)
def test_a_score_with_an_extractor(extractor):
    found = find_score(f"anls:{extractor}")
    assert found.extraction == (getattr(scores, extractor),)


def test_extractors_with_an_argument(judge):
    field = find_score("exact_match:json_field=answer")
    assert judge(field, '{"answer": 7}', targets=("7",)).value == 1
    expression = find_score("exact_match:pattern=Answer: (a=.)")
    assert judge(expression, "Answer: a=b", targets=("a=b",)).value == 1


@pytest.mark.parametrize("convention", CONVENTIONS)
@pytest.mark.parametrize("name", BOX_SCORES)
def test_scores_of_boxes_are_made_for_a_family(name, convention):
    assert find_score(f"{name}:{convention}").needs == {"regions"}


def test_the_names_of_families_tell_scores_apart():
    names = {find_score(f"{name}:{family}").name for name in BOX_SCORES for family in CONVENTIONS}
    assert len(names) == len(BOX_SCORES) * len(CONVENTIONS)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("exactmatch", "there is no score 'exactmatch'; there are exact_match, contains, .*iou"),
        ("", "there is no score ''"),
        ("os", "there is no score 'os'"),
        ("exact_match:", "'' takes out no answer; there are boxed, .*json_field=NAME"),
        ("exact_match:re", "'re' takes out no answer"),
        ("exact_match:json_field", "'json_field' takes out no answer"),
        ("exact_match:boxed=1", "'boxed=1' takes out no answer"),
        ("exact_match:pattern=(", r"'\(' is no regular expression"),
        ("iou", "say which models wrote the coordinates, as in iou:qwen3_vl; there are pixels"),
        ("iou_50:qwen", "'iou_50:qwen': say which models"),
    ],
)
def test_a_wrong_name_is_refused_with_the_right_ones(name, message):
    with pytest.raises(SettingsError, match=message):
        find_score(name)
