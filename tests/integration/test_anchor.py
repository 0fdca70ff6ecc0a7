"""``--vlm-anchor``: small losses, each inside the margin, must not add up."""

from __future__ import annotations

import pytest

SUITE = """
from pytest_vlm.scores import exact_match

def test_answers(compare, samples):
    compare(samples, score=exact_match).assert_not_worse(margin=0.05)
"""
STEPS = 10


@pytest.fixture
def gate(project, suite):
    """Gate step `to` of a chain against step `of`; each step loses 1.5 % of 1,000 answers more."""
    suite(SUITE)
    project.samples(1000)

    def at(name: str, step: int) -> str:
        answers = {f"s{i}": "a dog" for i in range(100 + 15 * step)}
        return project.checkpoint(name, answers=answers)

    def run(of: int, to: int, *options: str):
        anchor = ("--vlm-anchor", at("first", 0)) if "--vlm-anchor" not in options else ()
        result = project.gate(at("A", of), at("B", to), options=(*anchor, *options))
        return result, [r for r in project.report()["records"] if r["kind"] == "ClaimRecord"]

    return run


def test_every_step_of_a_drift_is_green_and_the_anchor_is_red(gate, project):
    verdicts = []
    for step in range(STEPS):
        result, (own, anchored) = gate(step, step + 1)
        assert (own["verdict"], own["baseline"], own["anchor"]) == ("pass", "A", False)
        assert (anchored["baseline"], anchored["anchor"]) == ("first", True)
        assert (result.ret == 0) == (anchored["verdict"] == "pass")
        verdicts.append(anchored["verdict"])
    assert verdicts[0] == "pass"
    assert verdicts[-1] == "fail"
    result.stdout.fnmatch_lines(["*exact match against the anchor first: Worse: *"])
    page = (project.path / "vlm-report/index.html").read_text()
    assert "anchor" in page
    assert [c["name"] for c in project.report()["checkpoints"]] == ["A", "B", "first"]


def test_so_many_margins_may_be_lost_since_the_anchor(gate):
    _, (_, once) = gate(3, 4)
    result, (_, twice) = gate(3, 4, "--vlm-anchor-margins", "2")
    assert once["verdict"] != "pass"
    assert (twice["verdict"], twice["result"]["margin"], result.ret) == ("pass", 0.1, 0)


def test_an_anchor_that_is_not_there_holds_the_candidate(gate, project):
    result = project.gate(
        project.checkpoint("A"),
        project.checkpoint("B"),
        options=("--vlm-anchor", "missing.json"),
    )
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["HOLD: B against A", "*cannot read missing.json*"])


@pytest.mark.parametrize("factor", ["0", "-1", "much", "inf", "nan"])
def test_a_factor_that_makes_no_sense_is_refused(gate, project, factor):
    result = project.gate(
        project.checkpoint("A"), project.checkpoint("B"), options=("--vlm-anchor-margins", factor)
    )
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"*--vlm-anchor-margins: '{factor}' is not a number above 0*"])


def test_equivalent_steps_add_up_as_well(gate, project, suite):
    suite(SUITE.replace("not_worse", "equivalent"))
    result, (own, anchored) = gate(9, 10)
    assert (own["claim"], own["verdict"]) == ("equivalent", "pass")
    assert anchored["anchor"]
    assert (anchored["claim"], anchored["verdict"]) == ("not_worse", "fail")
    assert (result.ret, project.verdicts()) == (1, {"B": "HOLD"})


def test_an_anchor_that_no_claim_takes_notice_of_holds(gate, project, suite):
    suite(SUITE.replace("not_worse(margin=0.05)", "better()"))
    result, _ = gate(4, 0)
    assert (result.ret, project.verdicts()) == (1, {"B": "HOLD"})
    result.stdout.fnmatch_lines(["*nothing was compared with the anchor first*"])


def test_an_anchor_with_the_name_of_another_is_refused(gate, project):
    other = project.path / "elsewhere"
    other.mkdir()
    (other / "first.json").write_text("{}")
    result = project.gate(
        project.checkpoint("A"),
        project.checkpoint("B"),
        options=("--vlm-anchor", f"B={other}/first.json"),
    )
    assert result.ret != 0
    text = result.stderr.str() + result.stdout.str()
    assert "--vlm-anchor: " in text


def test_what_is_to_be_known_of_the_anchor_stands_in_the_report(gate, project):
    gate(0, 1, "--vlm-anchor", project.checkpoint("old") + "?dtype=bfloat16")
    events = [r for r in project.report()["records"] if r["kind"] == "EventRecord"]
    assert [e["checkpoint"] for e in events if "dtype=bfloat16" in e["event"]] == ["old"]
