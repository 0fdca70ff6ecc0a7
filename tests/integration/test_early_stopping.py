"""``--vlm-sequential anytime``: only as many answers as a verdict needs, in a random order."""

from __future__ import annotations

import json

import pytest

from pytest_vlm.data import open_dataset
from pytest_vlm.evaluation.shuffling import shuffled

SUITE = """
from pytest_vlm.scores import exact_match

def test_answers(compare, samples):
    compare(samples, score=exact_match).{claim}
"""
NOT_WORSE = "assert_not_worse(margin=0.05)"


@pytest.fixture
def gate(project, suite):
    """Gate one claim; exit status, the claim's record, and answers asked of each checkpoint."""

    def run(before: dict, after: dict, *options: str, claim: str = NOT_WORSE):
        suite(SUITE.format(claim=claim))
        checkpoints = project.checkpoint("A", **before), project.checkpoint("B", **after)
        sequential = ("--vlm-sequential", "anytime", *options)
        result = project.gate(*checkpoints, options=sequential)
        records = project.report()["records"]
        [record] = [r for r in records if r["kind"] == "ClaimRecord"]
        asked = dict.fromkeys("AB", 0)
        for speed in (r for r in records if r["kind"] == "SpeedRecord"):
            asked[speed["checkpoint"]] += speed["samples"]
        return result.ret, record, asked

    return run


def wrong(*numbers: range) -> dict:
    return {"answers": {f"s{i}": "a dog" for numbers_ in numbers for i in numbers_}}


def test_asks_no_more_than_a_verdict_needs(gate, project):
    project.samples(400)
    code, record, asked = gate(wrong(range(0, 400, 50)), wrong(range(10, 400, 50)))
    result = record["result"]
    assert (code, record["verdict"]) == (0, "pass")
    assert result["stopped_at"] <= result["n_used"] < result["n_planned"] == 400
    assert result["n_used"] <= asked["A"] == asked["B"] < 400
    assert f"Decided after {result['stopped_at']} of 400 pairs" in record["sentence"]
    page = (project.path / "vlm-report/index.html").read_text()
    assert "<svg" in page
    assert f"{400 - result['n_used']} saved" in page.replace(",", "")


def test_one_checkpoint_at_a_time_makes_looks_that_double(gate, project):
    """64, then 64, 128, 256: asking costs a load. Where both fit, a look at a time is asked."""
    project.samples(512)
    sides = wrong(range(0, 512, 8)), wrong(range(0, 512, 8), range(1, 512, 64))
    _, first, asked = gate(*sides, "--vlm-no-cache", "--vlm-max-loaded", "1")
    assert asked["A"] == asked["B"] == 256
    _, second, asked = gate(*sides, "--vlm-no-cache")
    assert asked["A"] == asked["B"] == second["result"]["n_used"] < 512
    assert second["result"] == first["result"]


def test_what_was_asked_too_much_changes_no_verdict(gate, project):
    """Of 256 answers that one load brings, the last ones of the baseline are empty."""
    path = project.samples(512)
    order = [sample.id for sample in shuffled(open_dataset(path))]
    lost = dict.fromkeys(order[5:20:10], "a dog")
    sides = {"answers": {order[2]: "a dog", **dict.fromkeys(order[192:256], "")}}, {"answers": lost}
    results = [
        gate(*sides, "--vlm-no-cache", "--vlm-max-loaded", fits)[1]["result"] for fits in "12"
    ]
    assert results[0] == results[1]
    assert (results[0]["verdict"], results[0]["n_used"]) == ("pass", 192)


def test_a_sorted_dataset_fools_nobody(gate, project):
    """All the losses come last, and so do wins that no one would wait for."""
    project.samples(400)
    code, record, _ = gate(wrong(range(20)), wrong(range(320, 400)))
    assert (code, record["verdict"]) == (1, "fail")


def test_questions_about_one_image_come_together(gate, project):
    path = project.samples(60)
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    many = [
        {**row, "id": f"{row['id']}-{k}", "query": f"What is it ({k})?"}
        for k in range(5)
        for row in rows
    ]
    path.write_text("\n".join(map(json.dumps, many)))
    _, record, asked = gate({"accuracy": 0.9}, {"accuracy": 0.9}, "--vlm-target", "dataset")
    assert record["result"]["n"] % 5 == 0
    assert record["result"]["n_clusters"] == record["result"]["n"] / 5
    assert asked["A"] < 300


def test_what_was_asked_is_known_the_next_time(gate, project):
    project.samples(300)
    sides = wrong(range(0, 300, 50)), wrong(range(10, 300, 50))
    _, first, _ = gate(*sides)
    _, second, asked = gate(*sides)
    assert asked == {"A": 0, "B": 0}
    assert second["result"] == first["result"]


def test_a_verdict_about_this_dataset_is_reached_in_the_end(gate, project):
    """Two more losses of 200, and a margin of six: too few to say more than that."""
    project.samples(200)
    claim = "assert_not_worse(margin=0.03)"
    sides = wrong(range(40)), wrong(range(42))
    _, undecided, _ = gate(*sides, claim=claim)
    code, record, _ = gate(*sides, "--vlm-target", "dataset", claim=claim)
    assert undecided["verdict"] == "inconclusive"
    assert (code, record["verdict"]) == (0, "pass")
    assert "It holds for this dataset only." in record["sentence"]


def test_a_regression_is_seen_early_and_its_absence_only_in_the_end(gate, project):
    project.samples(400)
    claim = "assert_no_regression(mde=0.1)"
    code, record, asked = gate(wrong(range(10)), wrong(range(150)), claim=claim)
    assert (code, record["verdict"]) == (1, "fail")
    assert asked["B"] < 400
    code, record, _ = gate(wrong(range(10)), wrong(range(1, 11)), claim=claim)
    assert (code, record["verdict"], record["result"]["n_used"]) == (0, "pass", 400)


def test_a_target_without_early_stopping_is_refused(project, suite):
    suite(SUITE.format(claim=NOT_WORSE))
    project.samples(100)
    result = project.gate(
        project.checkpoint("A"), project.checkpoint("B"), options=("--vlm-target", "dataset")
    )
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*add --vlm-sequential anytime*"])


def test_a_measurement_is_made_of_all_samples_at_once(project, suite):
    suite(
        """
        from pytest_vlm.scores.score import score

        @score(name="in time", kind="bounded", needs={"measurement"})
        def in_time(case):
            return 0.5 + case.prediction.measurement.seconds

        def test_speed(compare, samples):
            compare(samples, score=in_time).assert_not_worse(margin=0.2)
        """
    )
    project.samples(400)
    sides = project.checkpoint("A"), project.checkpoint("B")
    project.gate(*sides, options=("--vlm-sequential", "anytime"))
    [record] = [r for r in project.report()["records"] if r["kind"] == "ClaimRecord"]
    assert (record["result"]["method"][:8], record["result"]["path"]) == ("paired t", [])
