"""Which characters of an answer a map explains."""

from __future__ import annotations

import pytest

from pytest_vlm.evaluation.explanation import answer_span
from pytest_vlm.evaluation.predictions import Completion
from pytest_vlm.scores.extraction import (
    Extractor,
    boxed,
    choice_letter,
    json_field,
    last_number,
    pattern,
)


def explained(raw: str, *extraction) -> str:
    completion = Completion.parse(raw, finish_reason="stop", tokens=1)
    start, end = answer_span(completion, extraction)
    return raw[start:end]


@pytest.mark.parametrize(
    ("raw", "extraction", "start"),
    [
        ("A. Apple", (choice_letter,), 0),
        ("The answer is A, because A cat sits", (choice_letter,), 14),
        ("(B) Both", (choice_letter,), 1),
        ("answer: 7, and not 17 or 7", (pattern(r"answer: (\d)"),), 8),
        ("7 of 17", (last_number,), 5),
        ("7, yes, 7", (last_number,), 8),
        ("<think>A?</think>A: An apple", (choice_letter,), 17),
        ('{"answer": "a", "why": "a cat has a tail"}', (json_field("answer"),), 12),
        ("x" + " 7" * 100_000, (last_number,), 200_000),
        ("x = 7, y = 7", (Extractor(name="x", function=lambda s: str(int(s[4]))),), 4),
    ],
)
def test_the_place_that_the_extraction_read(raw, extraction, start):
    completion = Completion.parse(raw, finish_reason="stop", tokens=1)
    assert answer_span(completion, extraction)[0] == start


@pytest.mark.parametrize(
    ("raw", "extraction", "part"),
    [
        ("7", (), "7"),
        ("  a red car.\n", (), "a red car."),
        ("<think>it is a 7, or 1</think>\n7", (), "7"),
        ("so it is\n</think> seven", (), "seven"),
        ("<think>never ending", (), "<think>never ending"),
        ("I see 3 and 4, so \\boxed{12}", (boxed,), "12"),
        ("3 cats and 4 dogs make 7 animals", (last_number,), "7"),
        ("it costs 1,200 euro", (last_number,), "it costs 1,200 euro"),
        ("no number", (last_number,), "no number"),
        ("", (), ""),
    ],
)
def test_the_final_answer_behind_the_reasoning(raw, extraction, part):
    assert explained(raw, *extraction) == part
