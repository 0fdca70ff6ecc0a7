"""``python -m pytest_vlm compare``, as a user of another tool types it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from importlib.metadata import version

import logged
import pytest

WORSE, SAME, GOOD = logged.answers(0.5), logged.answers(0.8, seed=3), logged.answers(0.8)


@pytest.fixture
def compare(tmp_path):
    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "pytest_vlm", "compare", *map(str, arguments)]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)

    return run


@pytest.mark.parametrize(
    "write", [logged.lm_eval, logged.lmms_eval], ids=lambda write: write.__name__
)
def test_a_worse_log_is_held_and_the_flips_are_shown(tmp_path, compare, write):
    write(tmp_path / "old.jsonl", GOOD)
    write(tmp_path / "new.jsonl", WORSE)
    done = compare("old.jsonl", "new.jsonl", "--score", "exact_match", "--margin", "0.05")
    assert done.returncode == 1, done.stderr
    assert "HOLD  new against old" in done.stdout
    assert "Worse: the candidate loses more than the margin of 5 points." in done.stdout
    assert "lost" in done.stdout
    page = (tmp_path / "vlm-compare/index.html").read_text()
    assert "What is" in page
    report = json.loads((tmp_path / "vlm-compare/run.json").read_text())
    assert report["verdicts"][0]["verdict"] == "HOLD"


def test_a_warning_is_said_once_and_shows_no_line_of_the_program(tmp_path, compare):
    for name in "ab":
        logged.lm_eval(tmp_path / f"{name}.jsonl", GOOD[:60])
    done = compare("a.jsonl", "b.jsonl", "--margin", "0.1")
    assert (done.stdout + done.stderr).count("if one answer in ten changes") == 1
    assert ".py" not in done.stderr


@pytest.mark.parametrize("score", ["exact_match", "anls"])
def test_the_report_names_what_judged_and_no_library_that_did_not_run(tmp_path, compare, score):
    for name in "ab":
        logged.lm_eval(tmp_path / f"{name}.jsonl", GOOD)
    compare("a.jsonl", "b.jsonl", "--score", score)
    report = json.loads((tmp_path / "vlm-compare/run.json").read_text())
    judged = {"pytest-vlm", "rapidfuzz"} if score == "anls" else {"pytest-vlm"}
    assert report["versions"] == {name: version(name) for name in judged}


def test_a_reader_that_goes_away_ends_it_quietly_and_is_no_verdict(tmp_path):
    for name in "ab":
        logged.lm_eval(tmp_path / f"{name}.jsonl", GOOD)
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "pytest_vlm", "compare", "a.jsonl", "b.jsonl"]
    done = subprocess.run(
        command, cwd=tmp_path, stdout=writer, stderr=subprocess.PIPE, text=True, timeout=60
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, "")


def test_an_equal_log_ships(tmp_path, compare):
    logged.lm_eval(tmp_path / "a.jsonl", GOOD)
    logged.lm_eval(tmp_path / "b.jsonl", GOOD)
    done = compare("A=a.jsonl", "B=b.jsonl", "--score", "log:acc", "--margin", "0.05")
    assert done.returncode == 0, done.stderr
    assert "SHIP  B against A" in done.stdout
    assert "A: 200 samples (lm-evaluation-harness), a.jsonl" in done.stdout


def test_clusters_count_as_one(tmp_path, compare):
    for name in "ab":
        logged.lm_eval(tmp_path / f"{name}.jsonl", GOOD)
    done = compare("a.jsonl", "b.jsonl", "--margin", "0.05", "--cluster", "doc.page")
    assert "200 pairs in 100 clusters" in done.stdout


def test_epochs_are_compared_by_their_mean(tmp_path, compare):
    logged.inspect_ai(tmp_path / "a.json", GOOD, epochs=3)
    logged.inspect_ai(tmp_path / "b.eval", SAME, epochs=3)
    done = compare("a.json", "b.eval", "--score", "log:match", "--claim", "better")
    assert "of 200 pairs" in done.stdout
    assert done.returncode == 1


def test_without_a_margin_only_the_numbers_are_said(tmp_path, compare):
    logged.vlmevalkit(tmp_path / "a.tsv", GOOD)
    logged.vlmevalkit(tmp_path / "b.tsv", WORSE)
    done = compare("a.tsv", "b.tsv", "--score", "choice")
    assert done.returncode == 0, done.stderr
    assert "for a verdict, say which loss you would accept: --margin" in done.stdout
    assert "From 80.0 % to 50.0 %" in done.stdout


def test_a_part_is_never_green(tmp_path, compare):
    logged.lm_eval(tmp_path / "a.jsonl", GOOD)
    logged.lm_eval(tmp_path / "b.jsonl", GOOD[:150])
    refused = compare("a.jsonl", "b.jsonl", "--margin", "0.05")
    assert refused.returncode == 2
    assert "add --only-shared" in refused.stderr
    part = compare("a.jsonl", "b.jsonl", "--margin", "0.05", "--only-shared")
    assert part.returncode == 1
    assert "PARTIAL" in part.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("a.jsonl", "gone.jsonl", "--margin", "0.05"), "is no file"),
        (("a.jsonl", "a.jsonl", "--score", "nonsense", "--margin", "0.05"), "exact_match"),
        (("a.jsonl", "a.jsonl", "--score", "log:bleu"), "no metric 'bleu'; there is log:acc"),
        (("a.jsonl", "a.jsonl", "--claim", "equivalent"), "needs --margin"),
        (("a.jsonl", "a.jsonl", "--claim", "no_regression"), "needs --mde"),
        (("a.jsonl", "a.jsonl", "--margin", "7"), "margin must lie between 0 and 1"),
    ],
)
def test_what_cannot_be_done_says_why(tmp_path, compare, arguments, message):
    logged.lm_eval(tmp_path / "a.jsonl", GOOD)
    done = compare(*arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--claim", "no_regression", "--mde", "0.05", "--margin", "0.05"), "takes no --margin"),
        (("--margin", "0.05", "--mde", "0.05"), "not_worse takes no --mde"),
        (("--margin", "0.05", "--lower-is-better"), "exact_match knows its bounds and direction"),
        (("--margin", "0.05", "--filter", "strict"), "there is none"),
        (
            (
                "--margin",
                "nan",
            ),
            "margin must lie between",
        ),
        (("--margin", "0.05", "--report", "a.jsonl"), "cannot write to a.jsonl"),
    ],
)
def test_an_option_that_would_do_nothing_is_refused(tmp_path, compare, arguments, message):
    for name in "ab":
        logged.lm_eval(tmp_path / f"{name}.jsonl", GOOD)
    done = compare("a.jsonl", "b.jsonl", *arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_mde_alone_claims_that_no_regression_is_seen(tmp_path, compare):
    logged.lm_eval(tmp_path / "a.jsonl", GOOD)
    logged.lm_eval(tmp_path / "b.jsonl", GOOD)
    done = compare("a.jsonl", "b.jsonl", "--mde", "0.1")
    assert "No regression seen; one of 10 points would have been." in done.stdout
    assert done.returncode == 0


def test_a_metric_that_counts_mistakes(tmp_path, compare):
    for name, said in (("a", GOOD), ("b", WORSE)):
        path = logged.lm_eval(tmp_path / f"{name}.jsonl", said)
        path.write_text(
            path.read_text().replace('"acc": 1.0', '"wer": 0.0').replace('"acc": 0.0', '"wer": 0.9')
        )
    assert "add --lower-is-better" in compare("a.jsonl", "b.jsonl", "--score", "log:wer").stderr
    options = ("--score", "log:wer", "--lower-is-better", "--margin", "0.05")
    done = compare("a.jsonl", "b.jsonl", *options)
    assert "Worse" in done.stdout
    assert "lower is better" in done.stdout
    assert done.returncode == 1


def test_names_are_what_tells_the_paths_apart(tmp_path, compare):
    for model in ("org__old", "org__new-2.5"):
        (tmp_path / model).mkdir()
        logged.lm_eval(tmp_path / model / "samples_vqa_2026-11-21T04-50-44.1.jsonl", GOOD)
        logged.vlmevalkit(tmp_path / f"{model}_MMBench.tsv", GOOD)
    done = compare(*sorted(tmp_path.glob("*/samples*")))
    assert "baseline   org__new-2.5: 200 samples" in done.stdout
    assert "candidate  org__old: 200 samples" in done.stdout
    done = compare(*sorted(tmp_path.glob("*.tsv")), "--score", "choice")
    assert "org__new-2.5_MMBench: 200 samples, 100 images (VLMEvalKit)" in done.stdout
    twice = compare("x=org__old_MMBench.tsv", "x=org__new-2.5_MMBench.tsv")
    assert twice.returncode == 2
    assert "both are called x" in twice.stderr


def test_a_hint_where_an_answer_must_be_read(tmp_path, compare):
    path = logged.vlmevalkit(tmp_path / "a.tsv", GOOD)
    assert "--score choice" not in compare("a.tsv", "a.tsv").stdout
    worded = re.sub("\t([AB])\t([01])", r"\tIt is \1.\t\2", path.read_text())
    (tmp_path / "b.tsv").write_text(worded)
    assert "--score choice reads which one" in compare("b.tsv", "b.tsv").stdout


def test_what_a_chat_template_changed_is_said_and_stands_in_the_report(tmp_path, compare):
    logged.lm_eval(tmp_path / "a.jsonl", GOOD)
    logged.lm_eval(tmp_path / "b.jsonl", GOOD, template="<|im_start|>")
    done = compare("a.jsonl", "b.jsonl", "--margin", "0.05")
    assert "note: 200 of 200 questions were put in other words" in done.stdout
    assert "put in other words" in (tmp_path / "vlm-compare/index.html").read_text()
    assert done.returncode == 0


def test_a_part_without_a_claim_is_called_one(tmp_path, compare):
    logged.lm_eval(tmp_path / "a.jsonl", GOOD)
    logged.lm_eval(tmp_path / "b.jsonl", GOOD[:150])
    done = compare("a.jsonl", "b.jsonl", "--only-shared")
    assert "PARTIAL: 50 samples are only in one log" in done.stdout


def test_answers_cannot_write_to_the_terminal(tmp_path, compare):
    hostile = "\x1b[2J\x1b]0;owned\x07<script>alert(1)</script>\ud800 \u202e"
    logged.lm_eval(tmp_path / "a.jsonl", GOOD)
    logged.lm_eval(tmp_path / "b.jsonl", [hostile] * 100 + GOOD[100:])
    done = compare("a.jsonl", f"{hostile[:4]}=b.jsonl", "--margin", "0.05")
    assert done.returncode == 1, done.stderr
    assert not {"\x1b", "\x07", "\u202e"} & set(done.stdout + done.stderr)
    assert "<script>alert" not in (tmp_path / "vlm-compare/index.html").read_text()


def test_an_answer_that_never_came_is_no_wrong_one(tmp_path, compare):
    logged.vlmevalkit(tmp_path / "a.tsv", GOOD)
    logged.vlmevalkit(tmp_path / "b.tsv", GOOD)
    lines = (
        (tmp_path / "b.tsv").read_text().replace("\tA\tA\t1", "\tA\tFailed to obtain answer\t1", 1)
    )
    (tmp_path / "b.tsv").write_text(lines)
    done = compare("a.tsv", "b.tsv", "--score", "choice", "--margin", "0.05")
    assert "1 of 200 samples have no value for b" in done.stdout
    assert done.returncode == 1


def test_no_model_library_is_imported(tmp_path):
    logged.lm_eval(tmp_path / "a.jsonl", GOOD)
    logged.lm_eval(tmp_path / "b.jsonl", SAME)
    code = (
        "import sys\nfrom pytest_vlm.__main__ import main\n"
        "main(['compare', 'a.jsonl', 'b.jsonl', '--margin', '0.05'])\n"
        "assert not {'torch', 'transformers', 'pytest'} & set(sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def test_the_logs_of_a_run_are_compared_to_the_same_numbers(project, suite, compare):
    suite()
    project.samples()
    sides = project.checkpoint("A", accuracy=0.9), project.checkpoint("B", accuracy=0.5)
    project.gate(*sides, options=("--vlm-log=logs",))
    claims = [r for r in project.report()["records"] if r["kind"] == "ClaimRecord"]
    [folder] = (project.path / "logs").iterdir()
    done = compare(folder / "A.jsonl", folder / "B.jsonl", "--margin", "0.05")
    assert claims[0]["sentence"] in done.stdout
    assert folder.name == "test_answers-B-1"
