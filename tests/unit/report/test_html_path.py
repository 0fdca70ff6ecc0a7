"""The e-value's path: both curves, the line, and how many samples were saved."""

from __future__ import annotations

import math
import re

import pytest
from reported import claim, early, report, result

from pytest_vlm.report.html import render_section
from pytest_vlm.report.html_path import BOTTOM, LEFT, RIGHT, TOP, Axes, path_part, saved


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, "decided after 320 of 2,000 samples; 1,680 saved"),
        (
            {"stopped_at": 300},
            "decided after 300 of 2,000 samples; 320 were asked, 1,680 saved",
        ),
        (
            {"stopped_at": 1300, "n_used": 2000},
            "decided after 1,300 of 2,000 samples; 2,000 were asked, none saved",
        ),
        ({"n_used": 2000, "stopped_at": 2000}, "decided after all 2,000 samples"),
        ({"n_used": 2000, "stopped_at": None}, "decided after all 2,000 samples"),
        (
            {"n_used": 2000, "stopped_at": None, "verdict": "inconclusive"},
            "not decided after 2,000 of 2,000 samples",
        ),
    ],
)
def test_what_was_saved(fields, words):
    assert saved(early(**fields)) == words
    assert f"<b>{words}</b>. An e-value of 20 means" in path_part(early(**fields))


def test_both_curves_begin_at_one_and_end_where_they_were_left():
    text = path_part(early())
    found = re.search(r'class="holds" d="M58.0 ([\d.]+)(L[^"]+)"', text)
    against = re.search(r'class="against" d="M58.0 ([\d.]+)(L[^"]+)"', text)
    assert found and against and found[1] == against[1]
    for curve, values in ((found[2], (0.0, 1.5, 3.2)), (against[2], (0.0, -0.7, -1.4))):
        points = [tuple(map(float, point.split())) for point in curve[1:].split("L")]
        axes = Axes(samples=2000, low=-1.0, high=3.2 / math.log(10) + 0.5)
        assert points == [
            (axes.x(n), axes.y(value / math.log(10)))
            for n, value in zip((0, 160, 320), values, strict=True)
        ]


def test_a_decided_claim_ends_above_the_line():
    text = path_part(early())
    line = float(re.search(r'class="target" x1="58" x2="406" y1="([\d.]+)"', text)[1])  # type: ignore[index]
    end = float(re.search(r'<circle class="holds" cx="[\d.]+" cy="([\d.]+)"', text)[1])  # type: ignore[index]
    assert TOP < end < line < BOTTOM
    assert ">1/α = 20</text>" in text
    assert ">1/α = 100</text>" in path_part(early(alpha=0.01))


def test_axes_are_labelled():
    text = path_part(early())
    assert ">samples</text>" in text and ">e-value</text>" in text
    for tick in ("0.1", "1", "10", "1,000", "2,000"):
        assert f">{tick}</text>" in text
    assert ">for the claim</text>" in text and ">against it</text>" in text
    assert (
        'aria-label="e-value by samples: decided after 320 of 2,000 samples; 1,680 saved"' in text
    )


def test_what_is_off_the_picture_lies_on_its_edge_and_is_said():
    text = path_part(early(path=[[0, 0, 0], [320, 600.0, -600.0]]))
    numbers = [float(y) for y in re.findall(r'(?:cy|y1|y2)="(-?[\d.]+)"', text)]
    assert numbers and TOP <= min(numbers) <= max(numbers) <= BOTTOM
    assert ">against it, below 0.001</text>" in text and ">1e200</text>" in text
    assert max(map(float, re.findall(r'(?:cx|x1|x2)="([\d.]+)"', text))) <= RIGHT
    assert min(map(float, re.findall(r'(?:cx|x1|x2)="([\d.]+)"', text))) >= LEFT


def test_a_claim_that_nothing_shows_early_has_one_curve():
    text = path_part(early(claim="no_regression"))
    assert text.count("<path") == 1 and 'class="against"' in text
    assert "for the claim" not in text


def positions(text: str) -> dict[str, tuple[float, float, str]]:
    """Label to (x, y, where it begins)."""
    pattern = r'<text(?: class="\w+")? x="([\d.]+)" y="([\d.]+)" text-anchor="(\w+)">([^<]+)<'
    return {words: (float(x), float(y), how) for x, y, how, words in re.findall(pattern, text)}


@pytest.mark.parametrize(
    ("ends", "above"),
    [
        ((2.0, -1.0), (True, False)),
        ((-1.0, 2.0), (False, True)),
        ((0.0, 0.0), (False, True)),  # one behind the other
        ((9.0, -9.0), (True, True)),  # the axis is below the lower one
    ],
)
def test_labels_stand_on_the_free_side_of_their_curves(ends, above):
    text = path_part(early(path=[[0, 0.0, 0.0], [320, *ends]]))
    found = positions(text)
    for kind, words, is_above in zip(
        ("holds", "against"), ("for the claim", "against it"), above, strict=True
    ):
        label = next(place for said, place in found.items() if said.startswith(words))
        end = float(re.search(rf'<circle class="{kind}" cx="[\d.]+" cy="([\d.]+)"', text)[1])  # type: ignore[index]
        assert (label[1] < end) == is_above
        assert label[2] == "start", "there is room to the right"


def test_the_line_is_labelled_where_no_curve_ends():
    assert positions(path_part(early()))["1/α = 20"][::2] == (RIGHT, "end")
    late = positions(path_part(early(path=[[2000, 3.2, -1.0]])))
    assert late["1/α = 20"][::2] == (LEFT, "start")
    assert late["for the claim"][2] == "end"


def test_about_a_dataset_it_says_so():
    assert "for these samples only" in path_part(early(target="dataset"))
    assert "for these samples only" not in path_part(early())


@pytest.mark.parametrize(
    "fields",
    [
        {"path": []},
        {"path": None},
        {"path": [[1, math.nan, 0.0]]},
        {"path": [[1, 0.0, math.inf]]},
    ],
)
def test_without_a_path_there_is_no_picture(fields):
    assert path_part(early(**fields)) == ""
    assert path_part(result()) == ""


def test_a_claim_shows_its_path_unfolded(tmp_path):
    text = render_section(report(claim(result=early())), tmp_path)
    assert '<div class="details"><figure class="path"><svg class="evalues"' in text
    assert 'class="path"' not in render_section(report(claim()), tmp_path).partition("</style>")[2]
