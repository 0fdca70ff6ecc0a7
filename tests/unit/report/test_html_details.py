"""Further numbers of a claim: folded, explained, and only those that exist."""

from __future__ import annotations

import re

import pytest
from reported import claim, early, report, result

from pytest_vlm.report.html import render_section
from pytest_vlm.report.html_details import EXPLAINED, details_part


def test_every_number_has_its_explanation():
    text = details_part(
        result(
            p_adjusted=0.0123,
            power=0.87,
            e_value=24.53,
            odds_ratio_ci=[0.2, 11.24],
            cliffs_delta=-0.031,
        )
    )
    assert text.startswith('<div class="details"><details><summary>more numbers</summary>')
    assert re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", text) == [
        ("p, adjusted", "0.012"),
        ("power", "87\N{NO-BREAK SPACE}%"),
        ("e-value", "24.5"),
        ("odds ratio", "1.5 (0.2 to 11)"),
        ("Cliff&#x27;s delta", "\N{MINUS SIGN}0.031"),
    ]
    assert text.count('class="below"') == len(EXPLAINED)


@pytest.mark.parametrize(
    ("odds", "ends", "words"),
    [
        (None, [0.3, None], "∞ (0.3 to ∞)"),
        (0.0, [0.0, float("inf")], "0 (0 to ∞)"),
    ],
)
def test_odds_without_losses_are_infinite(odds, ends, words):
    assert f"<dd>{words}</dd>" in details_part(result(odds_ratio=odds, odds_ratio_ci=ends))


def test_where_nothing_changed_there_are_no_odds():
    assert details_part(result(b=0, c=0, odds_ratio=None, odds_ratio_ci=[0.0, None])) == ""


def test_what_is_none_is_not_shown():
    nothing = dict.fromkeys(("p_adjusted", "power", "e_value", "odds_ratio_ci", "cliffs_delta"))
    assert details_part(result(**nothing)) == "" and details_part({}) == ""


def test_a_p_value_that_nothing_was_adjusted_of_is_not_told_twice():
    assert details_part(result(p_value=0.03, p_adjusted=0.03)) == ""


def test_zero_is_a_number():
    assert "<dd>0\N{NO-BREAK SPACE}%</dd>" in details_part(result(power=0.0))


def test_only_the_picture_is_open(tmp_path):
    text = details_part(early())
    assert text.index("<figure") < text.index("<details>") < text.index("24.5")
    assert text in render_section(report(claim(result=early())), tmp_path)
