"""The head of the report, and claims against an anchor."""

from __future__ import annotations

import re

from reported import EVIL, FAMILY, attempt, claim, report

from pytest_vlm.report.html import render_section
from pytest_vlm.report.html_verdicts import with_anchors
from pytest_vlm.report.model import CandidateVerdict


def test_family_and_reuse_stand_in_the_head(tmp_path):
    text = render_section(report(attempts=(attempt(0), attempt(1)), family=FAMILY), tmp_path)
    notes = text.partition('<ul class="notes">')[2].partition("</ul>")[0]
    assert notes.startswith("<li>Family of 10 claims (2 candidates × 5): a regression claim")
    assert '<li class="unsure"><svg class="icon"' in notes
    assert "<span>2 checkpoints were gated on these 2,000 samples" in notes


def test_one_family_of_several_candidates_is_told_once(tmp_path):
    verdicts = tuple(
        CandidateVerdict(candidate=name, baseline="A", verdict="SHIP", reasons=(), family=FAMILY)
        for name in ("B", "C")
    )
    assert render_section(report(verdicts=verdicts), tmp_path).count("Family of 10") == 1


def test_without_anything_to_note_there_is_no_list(tmp_path):
    text = render_section(report(attempts=(attempt(0),)), tmp_path)
    assert '<ul class="notes">' not in text


def test_hostile_rows_of_the_ledger_stay_text(tmp_path):
    rows = (attempt(0, when=EVIL, candidate=EVIL), attempt(1))
    text = render_section(report(attempts=rows), tmp_path)
    assert "<script" not in text and "&lt;script" in text


def test_an_anchor_stands_under_the_claim_it_belongs_to(tmp_path):
    first, second = claim(id="1"), claim(id="2", score="vqa")
    anchors = [
        claim(id="3", score="vqa", anchor=True, baseline="v1"),
        claim(id="4", anchor=True, baseline="v1"),
    ]
    assert [one.id for one in with_anchors([first, second, *anchors])] == ["1", "4", "2", "3"]
    text = render_section(report(first, second, *anchors), tmp_path)
    heads = re.findall(r'<article class="(claim[^"]*)"><div class="what"><h3>(.*?)</h3>', text)
    assert heads == [
        ("claim", "<bdi>exact_match</bdi>"),
        ("claim anchor", "against the anchor <bdi>v1</bdi>"),
        ("claim", "<bdi>vqa</bdi>"),
        ("claim anchor", "against the anchor <bdi>v1</bdi>"),
    ]


def test_an_anchor_belongs_to_its_own_candidate_and_test():
    claims = [
        claim(id="B"),
        claim(id="C", candidate="C"),
        claim(id="other", test="t.py::other"),
        claim(id="anchor of C", candidate="C", anchor=True),
        claim(id="anchor of B", anchor=True),
    ]
    expected = ["B", "anchor of B", "C", "anchor of C", "other"]
    assert [one.id for one in with_anchors(claims)] == expected
    early_anchors = [claims[4], *claims[:4]]
    assert [one.id for one in with_anchors(early_anchors)] == expected


def test_an_anchor_without_its_claim_is_not_left_out():
    lonely = claim(id="anchor", anchor=True, test="t.py::gone")
    assert {one.id for one in with_anchors([lonely, claim(id="B")])} == {"anchor", "B"}


def test_claims_without_an_anchor_keep_their_order():
    claims = [claim(id=str(i), score=f"s{i % 2}") for i in range(5)]
    assert with_anchors(claims) == claims


def test_a_degraded_claim_says_so_beside_its_verdict(tmp_path):
    text = render_section(report(claim(), claim(id="2", degraded=f"batch size 4 {EVIL}")), tmp_path)
    plain, marked = text.split("<article")[1:3]
    assert "degraded" not in plain
    beside = marked.partition('<div class="verdict">')[2].partition("</div>")[0]
    assert beside.count('<span class="badge') == 2
    assert beside.endswith("degraded</span>")
    assert "batch size 4 &lt;script" in marked.partition('class="chips"')[2]
