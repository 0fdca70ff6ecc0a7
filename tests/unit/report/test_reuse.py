"""How often the same samples have judged a checkpoint."""

from __future__ import annotations

from reported import FAMILY, attempt, report

from pytest_vlm.report.reuse import reuse


def test_the_first_checkpoint_is_no_reuse():
    assert reuse(report()) == ""
    assert reuse(report(attempts=(attempt(0),))) == ""


def test_many_checkpoints_on_the_same_samples():
    words = reuse(report(attempts=tuple(attempt(i) for i in range(14)), family=FAMILY))
    assert words.replace("\N{NO-BREAK SPACE}", " ") == (
        "14 checkpoints were gated on these 2,000 samples since 2026-10-02, this run included; "
        "3 of them shipped. Every further one makes it likelier that one passes by luck (were all "
        "at the margin, with a chance of up to 51 %): keep some samples aside, or renew them."
    )


def test_a_checkpoint_counts_once_whatever_it_was_held_against():
    again = attempt(1, baseline="another")
    words = reuse(report(attempts=(attempt(0), attempt(1), again)))
    assert words.startswith("2 checkpoints were gated") and "; 1 of them shipped" in words
    assert reuse(report(attempts=(attempt(1), again))) == ""


def test_none_shipped():
    words = reuse(report(attempts=(attempt(0), attempt(2))))
    assert "; none of them shipped" in words
    assert "up to 10\N{NO-BREAK SPACE}%" in words


def test_the_chance_is_that_of_the_run():
    words = reuse(report(attempts=(attempt(0), attempt(2)), family={**FAMILY, "alpha": 0.01}))
    assert "up to 2\N{NO-BREAK SPACE}%" in words
