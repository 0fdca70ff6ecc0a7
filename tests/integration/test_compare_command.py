"""``python -m pytest_vlm compare``, as a user of another tool types it."""

from __future__ import annotations

import json
import subprocess
import sys

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


def test_an_equal_log_ships(tmp_path, compare):
    logged.lm_eval(tmp_path / "a.jsonl", GOOD)
    logged.lm_eval(tmp_path / "b.jsonl", GOOD)
    done = compare("A=a.jsonl", "B=b.jsonl", "--score", "log:acc", "--margin", "0.05")
    assert done.returncode == 0, done.stderr
    assert "SHIP  B against A" in done.stdout
    assert "200 samples of a.jsonl (lm-evaluation-harness or lmms-eval)" in done.stdout


def test_clusters_count_as_one(tmp_path, compare):
    for name in "ab":
        logged.lm_eval(tmp_path / f"{name}.jsonl", GOOD)
    done = compare("a.jsonl", "b.jsonl", "--margin", "0.05", "--cluster", "doc.image_id")
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
    assert "nothing was claimed; add --margin" in done.stdout
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
