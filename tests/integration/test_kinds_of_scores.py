"""Claims about every kind of score, from the suite to the report."""

from __future__ import annotations

import pytest

SUITE = """
from pytest_vlm.scores import {score}

def test_answers(compare, samples):
    compare(samples, score={score}).assert_not_worse(margin=0.05)
"""


@pytest.fixture
def claim(project, suite):
    """Gate a suite with one score; the exit status and the record of its claim."""

    def run(score: str, *options: str, before: float = 0.9, after: float = 0.9):
        suite(SUITE.format(score=score))
        project.samples(200)
        result = project.gate(
            project.checkpoint("A", accuracy=before),
            project.checkpoint("B", accuracy=after, seed=1),
            options=options,
        )
        [record] = [r for r in project.report()["records"] if r["kind"] == "ClaimRecord"]
        return result.ret, record

    return run


def test_a_bounded_score_is_compared_by_its_mean(claim, project):
    code, record = claim("anls", before=0.5, after=0.99)
    assert code == 0
    assert record["result"]["kind"] == "bounded"
    assert record["result"]["method"] == "paired t"
    assert "Not worse: a loss of 0.05 or more is ruled out. From 0." in record["sentence"]
    page = (project.path / "vlm-report/index.html").read_text()
    assert "worse / better" in page
    assert "B scores better" in page


def test_a_bounded_score_that_falls_is_held(claim):
    code, record = claim("token_f1", before=0.95, after=0.3)
    assert (code, record["verdict"]) == (1, "fail")


def test_a_score_of_which_less_is_better(claim):
    assert claim("cer", before=0.5, after=0.99)[0] == 0
    code, record = claim("cer", before=0.95, after=0.3)
    assert (code, record["verdict"]) == (1, "fail")
    assert "(lower is better)" in record["sentence"]


def test_a_refusal_is_a_loss(claim, project):
    _, record = claim("refusal", before=0.9, after=0.9)
    assert "the baseline gets everything right" in record["sentence"]


def test_several_completions_are_averaged_first(claim):
    options = ("--vlm-temperature=0.7", "--vlm-completions=4")
    code, record = claim("exact_match", *options, before=0.7, after=0.95)
    assert code == 0
    result = record["result"]
    assert (result["kind"], result["n"], result["method"]) == ("bounded", 200, "paired t")
    assert result["baseline_mean"] == pytest.approx(0.7, abs=0.05)
    assert (result["baseline_mean"] * 800) % 1 == pytest.approx(0, abs=1e-6)


def test_unusable_completions_are_counted_one_by_one(claim, project, suite):
    suite(SUITE.format(score="exact_match"))
    project.samples(100)
    project.gate(
        project.checkpoint("A", accuracy=0.9),
        project.checkpoint("B", accuracy=0.9, finish_reason="length"),
        options=("--vlm-temperature=0.7", "--vlm-completions=3"),
    )
    [record] = [r for r in project.report()["records"] if r["kind"] == "ClaimRecord"]
    assert record["unusable"] == {"A": {}, "B": {"truncated": 300}}
    assert record["verdict"] == "fail"


def test_answers_in_which_an_extractor_finds_nothing_are_counted(project, suite):
    suite(
        """
        from pytest_vlm.scores import exact_match, last_number

        def test_answers(compare, samples):
            numbers = exact_match.extracting(last_number)
            compare(samples, score=numbers).assert_not_worse(margin=0.05)
        """
    )
    project.samples(100, target="7")
    answers = {f"s{n}": "none" for n in range(30)}
    project.gate(
        project.checkpoint("A", accuracy=0.9),
        project.checkpoint("B", accuracy=0.9, answers=answers),
    )
    [record] = [r for r in project.report()["records"] if r["kind"] == "ClaimRecord"]
    assert record["unusable"]["B"] == {"unparsable": 30}
    assert any("unusable answers differ" in words for words in record["warnings"])


def test_a_score_that_raises_names_the_sample_and_holds(project, suite):
    suite(
        """
        from pytest_vlm.scores import score

        @score(name="fragile", needs=())
        def fragile(case):
            return 1 / (case.sample.id != "s7")

        def test_answers(compare, samples):
            compare(samples, score=fragile).assert_not_worse(margin=0.05)
        """
    )
    project.samples(100)
    result = project.gate(project.checkpoint("A"), project.checkpoint("B", seed=1))
    assert result.ret == 1
    result.stdout.fnmatch_lines(
        ["*1 of 100 samples have no value for A, such as s7 (fragile raised ZeroDivision*"]
    )


def test_the_check_of_batching_stands_beside_the_claim(claim):
    _, record = claim("exact_match", "--vlm-check-batching=10")
    assert record["warnings"][1:] == [
        "batching alone changes 0 of 10 answers of A",
        "batching alone changes 0 of 10 answers of B",
    ]
