"""``python -m pytest_vlm plan``, calculated and measured."""

from __future__ import annotations

import json
import math
import re

import pytest

from pytest_vlm.__main__ import main
from pytest_vlm.engine.fake import FakeEngine
from pytest_vlm.stats import n_required

USUAL = ("--margin", "0.05", "--discordant", "0.1")


@pytest.fixture
def plan(capsys):
    """Run the command and give what it printed."""

    def run(*arguments: object) -> str:
        assert main(["plan", *map(str, arguments)]) == 0, capsys.readouterr().err
        return capsys.readouterr().out

    return run


@pytest.fixture
def pilot(plan, project):
    """Run a pilot of two scripted checkpoints on the project's samples."""

    def run(*arguments: object, baseline: dict[str, object], candidate: dict[str, object]) -> str:
        sides = (project.checkpoint("A", **baseline), project.checkpoint("B", **candidate))
        given = [part for side in sides for part in ("--checkpoint", side)]
        samples = project.path / "samples.jsonl"
        return plan(*given, "--vlm-engine", "fake", "--vlm-samples", samples, *arguments)

    return run


def rows(said: str) -> dict[str, list[str]]:
    """The table: margin to its cells."""
    lines = re.findall(r"^  ([\d.]+ points?)  +(.*)$", said, re.MULTILINE)
    return {margin: re.split(r" {2,}", cells.strip()) for margin, cells in lines}


def test_one_claim(plan):
    said = plan(*USUAL)
    assert said.startswith("274 samples\n")
    assert "passes the claim in 80.5 % of the runs" in said
    assert "at least    59 samples" in said
    assert "false pass  4.5 %: how often a candidate that loses 5 points passes" in said
    assert "twice as much: under 0.1 %" in said
    assert rows(said)["5 points"] == ["274", "374", "673"]
    assert list(rows(said)) == ["1 point", "2 points", "3 points", "5 points", "10 points"]


def test_several_claims_are_each_planned_at_one_minus_beta_over_k(plan):
    said = plan(*USUAL, "--claims", 5)
    assert said.startswith("498 samples for each claim\n")
    assert "passes one claim in 96.4 % of the runs, and all 5 in 83.3 %" in said
    assert "80 % for all takes 96 % for each" in said
    assert rows(said)["5 points"] == ["498", "587", "866"]


def test_the_chance_of_given_samples(plan):
    said = plan(*USUAL, "--samples", 374, "--claims", 5)
    assert said.startswith("61.5 % chance of a pass with 374 samples\n")
    assert "For 80 %, 498 samples are needed." in said
    assert rows(said)["5 points"] == ["90.7 %", "61.5 %"]
    assert rows(said)["1 point"] == ["15.2 %", "under 0.1 %"]


def test_too_few_samples_to_show_anything(plan):
    said = plan(*USUAL, "--samples", 58)
    assert said.startswith("58 samples can show nothing\nAt least 59 are needed")
    assert rows(said)["5 points"] == ["0 %"]


def test_clusters_take_more_samples(plan):
    said = plan(*USUAL, "--cluster-size", 5)
    assert said.startswith("603 samples\n")
    assert "603 samples say as much as 274 independent ones (design effect 2.20)" in said
    assert "at least    130 samples" in said


def test_an_early_stop(plan):
    said = plan(*USUAL, "--samples", 2000, "--sequential")
    assert "soonest     after 90 samples" in said
    usual = re.search(r"usually     (\d+) of 2,000 samples are asked", said)
    assert usual is not None
    assert int(usual[1]) == pytest.approx(310, rel=0.1)
    assert re.search(r"chance      (100|over 99\.9|99\.\d) % of a pass", said)


def test_without_any_discordance_the_least_is_enough(plan):
    assert plan("--margin", 0.05, "--discordant", 0).startswith("59 samples\n")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "--margin is missing: the loss that you would accept, such as 0.05"),
        (["--margin", "0.05"], "--discordant is missing: the share of answers that differ"),
        (["--margin", "5", "--discordant", "0.1"], "--margin 5 is not a loss from 0.001 to 0.9"),
        (["--margin", "nan", "--discordant", "0.1"], "--margin nan is not a loss"),
        (["--margin", "much", "--discordant", "0.1"], "--margin much is not a loss"),
        (
            ["--margin", "0.05", "--discordant", "1.1"],
            "--discordant 1.1 is not a share from 0 to 1",
        ),
        ([*USUAL, "--claims", "0"], "--claims 0 is not a whole number above 0"),
        ([*USUAL, "--claims", "1.5"], "--claims 1.5 is not a whole number above 0"),
        ([*USUAL, "--samples", "-3"], "--samples -3 is not a whole number above 0"),
        ([*USUAL, "--power", "1"], "--power 1 is not a chance from 0.5 to 0.9999"),
        ([*USUAL, "--alpha", "0.5"], "--alpha 0.5 is not an error rate"),
        ([*USUAL, "--cluster-size", "0.5"], "--cluster-size 0.5 is not a number of questions"),
        ([*USUAL, "--checkpoint", "A"], "--checkpoint is for a pilot; add --pilot 50"),
        (["--pilot", "50"], "add --vlm-samples FILE"),
        (["--pilot", "50", "--vlm-samples", "x", "--checkpoint", "A"], "1 checkpoints were given"),
        (
            ["--pilot", "x", "--vlm-samples", "x", "--checkpoint", "A", "--checkpoint", "B"],
            "--pilot x",
        ),
        (["--pilot", "9", "--vlm-samples", "x", *USUAL], "checkpoints were given"),
        (["--pilot", "9", "--score", "latency", "--vlm-samples", "x"], "latency is measured"),
        (["--pilot", "9", "--score", "bold", "--vlm-samples", "x"], "bold"),
    ],
)
def test_a_wrong_number_is_refused_in_one_line(arguments, said, capsys):
    assert main(["plan", *arguments]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("error: ")
    assert said in printed.err
    assert printed.err.count("\n") == 1


def test_what_a_pilot_measures_cannot_be_given(project, capsys):
    sides = ["--checkpoint", "A=a.json", "--checkpoint", "B=b.json"]
    arguments = ["--pilot", "9", "--vlm-samples", "x", *sides, "--discordant", "0.1"]
    assert main(["plan", *arguments]) == 2
    assert "--discordant is what a pilot measures; leave it out" in capsys.readouterr().err


def test_help_teaches_with_examples(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["plan", "--help"])
    assert ended.value.code == 0
    said = capsys.readouterr().out
    assert "plan --margin 0.05 --discordant 0.1 --claims 5" in said
    assert "plan --pilot 50 --checkpoint" in said


def test_a_pilot_measures_how_many_answers_differ(pilot, project):
    project.samples(200)
    wrong = {f"s{number}": "a dog" for number in range(0, 200, 10)}
    said = pilot("--pilot", 200, baseline={}, candidate={"answers": wrong})
    assert said.startswith("Asked: 200 of 200 samples, chosen at random\n")
    assert "20 of 200 are right for one side only: 10 % (95 % interval 6.2 % to 15 %)" in said
    assert "warning: the baseline gets everything or nothing" in said
    table = rows(said)
    assert table["5 points"][0] == "274"
    assert table["5 points"][3] == "66.8 %"
    assert "The file has 200 samples: a margin of 5 points will be decided in 66.8 %" in said


def test_a_pilot_knows_how_long_it_takes(pilot, project):
    project.samples(48)
    said = pilot(
        *("--pilot", 48, "--vlm-batch-size", 1),
        baseline={"accuracy": 0.5},
        candidate={"accuracy": 0.5, "seed": 5},
    )
    speeds = re.findall(r"([\d,]+) samples a second", said)
    assert [float(speed.replace(",", "")) for speed in speeds] == [1000, 1000]
    needed, _, minutes, _ = rows(said)["1 point"]
    assert float(minutes) == pytest.approx(2 * int(needed.replace(",", "")) / 1000 / 60, abs=0.06)


def test_a_pilot_asks_whole_clusters_from_all_over_the_file(pilot, project, monkeypatch):
    path = project.samples(100)
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    for number, line in enumerate(lines):
        line["cluster"] = f"c{number // 4}"
    path.write_text("\n".join(map(json.dumps, lines)))
    asked = []
    answer = FakeEngine._answer

    def listen(engine, sample, number):
        asked.append(int(sample.id[1:]))
        return answer(engine, sample, number)

    monkeypatch.setattr(FakeEngine, "_answer", listen)
    said = pilot("--pilot", 20, baseline={"accuracy": 0.8}, candidate={"accuracy": 0.9})
    assert len({number // 4 for number in asked}) == 5
    assert sorted(set(asked)) != list(range(20))
    assert len(set(asked)) == 20
    assert "on 5 of 25 images" in said
    assert "100 samples count as 53" in said
    differing = re.search(r"(\d+) of 20 are right for one side only", said)
    assert differing is not None
    independent = n_required(margin=0.05, discordant=int(differing[1]) / 20)
    assert rows(said)["5 points"][0] == f"{math.ceil(1.9 * independent):,}"
    assert "warning: 5 images are few to measure anything; ask more: --pilot 40" in said
    first = list(asked)
    asked.clear()
    pilot("--pilot", 20, baseline={"accuracy": 0.8}, candidate={"accuracy": 0.9})
    assert asked == first


def test_a_pilot_leaves_nothing_behind(pilot, project):
    project.samples(30)
    before = {path.name for path in project.path.iterdir()}
    pilot("--pilot", 10, baseline={"accuracy": 0.8}, candidate={"accuracy": 0.9})
    after = {path.name for path in project.path.iterdir()}
    assert after == before | {"A.json", "B.json"}


def test_a_pilot_of_a_bounded_score(pilot, project):
    project.samples(100)
    said = pilot(
        *("--pilot", 100, "--score", "token_f1", "--claims", 2, "--margin", 0.07),
        baseline={"accuracy": 0.8},
        candidate={"accuracy": 0.8, "seed": 1},
    )
    assert "token F1 0." in said
    assert "right for one side only" not in said
    assert "passes all 2 claims in 80 % of the runs" in said
    assert "7 points" in rows(said)
    numbers = [[int(cell.replace(",", "")) for cell in cells[:2]] for cells in rows(said).values()]
    assert numbers == sorted(numbers, reverse=True)
    assert all(needed < safe for needed, safe in numbers)
    assert "a margin of 7 points will be decided in" in said


def test_a_pilot_of_one_checkpoint_against_itself(pilot, project):
    project.samples(70)
    said = pilot("--pilot", 40, baseline={"accuracy": 0.8}, candidate={"accuracy": 0.8})
    assert "0 of 40 are right for one side only: 0 % (95 % interval 0 % to 8.8 %)" in said
    least, safe, *_ = rows(said)["5 points"]
    assert (least, int(safe) > 200) == ("59", True)


def test_a_sample_without_an_answer_ends_the_pilot(project, capsys):
    project.samples(10)
    sides = [project.checkpoint("A"), project.checkpoint("B", finish_reason="error")]
    given = [part for side in sides for part in ("--checkpoint", side)]
    arguments = ["--pilot", "10", "--vlm-engine", "fake", "--vlm-samples", "samples.jsonl", *given]
    assert main(["plan", *arguments]) == 2
    assert re.search(r"error: B has no value for s\d", capsys.readouterr().err)


def test_an_interrupted_pilot_ends_with_130_and_a_sentence(project, capsys, monkeypatch):
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(FakeEngine, "_answer", interrupted)
    project.samples(10)
    sides = [project.checkpoint("A"), project.checkpoint("B")]
    given = [part for side in sides for part in ("--checkpoint", side)]
    arguments = ["--pilot", "10", "--vlm-engine", "fake", "--vlm-samples", "samples.jsonl", *given]
    assert main(["plan", *arguments]) == 130
    assert capsys.readouterr().err == "stopped; nothing was measured and nothing is kept\n"
