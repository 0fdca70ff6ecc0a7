"""Slices under the flips: the sentence, the bars, and what is folded."""

from __future__ import annotations

import json
import re

from reported import EVIL, claim, one_slice, report

from pytest_vlm.report.html import render_section
from pytest_vlm.report.html_slices import NO_SLICE, slices_part

ROW = (
    '<tr><td><span class="soft">tag </span><span class="said" dir="auto">counting</span></td>'
    '<td class="number">40</td>'
    '<td><svg class="bars" viewBox="0 0 200 20" role="img" aria-label="9 lost, 3 won">'
    "<title>9 lost, 3 won</title>"
    '<rect class="lost" x="28.0" y="3" width="72.0" height="14"></rect>'
    '<rect class="won" x="100" y="3" width="24.0" height="14"></rect>'
    '<line x1="100" x2="100" y1="0" y2="20"></line>'
    '<text x="24.0" y="14" text-anchor="end">9</text><text x="128.0" y="14">3</text></svg></td>'
    '<td class="number">0.0024</td></tr>'
)


def test_a_slice_is_a_row_with_losses_left_and_wins_right():
    text = slices_part([one_slice()])
    assert f"<tbody>{ROW}</tbody>" in text
    assert text.startswith(
        '<div class="slices"><p class="finding" dir="auto">9 of 11 losses are tagged counting, '
        "though only 40 of 200 samples are</p>"
    )
    assert "<details>" not in text


def test_bars_of_one_claim_share_a_scale():
    text = slices_part([one_slice(), one_slice(name="colour", losses=1, wins=12)])
    assert re.findall(r'class="(lost|won)" x="[\d.]+" y="3" width="([\d.]+)"', text) == [
        ("lost", "54.0"),
        ("won", "18.0"),
        ("lost", "6.0"),
        ("won", "72.0"),
    ]


def test_the_rest_is_folded():
    text = slices_part([one_slice(name=f"tag-{i}") for i in range(11)])
    shown, folded = text.split("<details>")
    assert shown.count("<tr>") == 1 + 8 and folded.count("<tr>") == 1 + 3
    assert "<summary>3 more slices</summary>" in folded
    assert "tag-7" in shown and "tag-8" in folded


def test_one_more_is_one_slice():
    text = slices_part([one_slice(name=f"tag-{i}") for i in range(9)])
    assert "<summary>1 more slice</summary>" in text


def test_what_chance_would_give_is_no_finding():
    text = slices_part([one_slice(p_adjusted=0.4)])
    assert f'<p class="soft">{NO_SLICE}</p><details><summary>1 slice</summary>' in text
    assert "though only" not in text and ">counting<" in text


def test_no_slices_are_nothing():
    assert slices_part([]) == ""


def test_hostile_names_stay_text():
    text = slices_part([one_slice(kind=EVIL, name=EVIL, sentence=EVIL)])
    assert "<script" not in text and "<img" not in text and "\x00" not in text
    assert text.count("&lt;script&gt;alert(") == 3


def test_slices_stand_under_the_flips_of_their_claim(tmp_path):
    flips = [{"id": f"s-{i}", "lost": True, "tags": ["blurred"]} for i in range(2)]
    (tmp_path / "flips.json").write_text(json.dumps({"flips": flips}))
    bare = render_section(report(claim(evidence="flips.json")), tmp_path)
    assert "2 of 2 losses are tagged blurred" in bare and 'class="slices"' not in bare
    found = claim(evidence="flips.json", slices=(one_slice(),))
    text = render_section(report(found), tmp_path).partition('id="vlm-flips-1"')[2]
    assert "2 of 2 losses" not in text, "what is tested takes the place of what is counted"
    assert text.index("9 of 11 losses") < text.index(ROW) < text.index("2 lost")
