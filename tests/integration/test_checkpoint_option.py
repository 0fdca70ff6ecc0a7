"""``--checkpoint``: names, placeholders, and checkpoints that cannot be used."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

STRONG = Path(__file__).parents[2] / "app/digits/checkpoints/strong"


def test_without_a_checkpoint_a_test_errors_with_the_command_to_type(project, suite):
    suite("def test_answers(compare, samples): ...\ndef test_other(): ...\n")
    result = project.pytester.runpytest()
    result.assert_outcomes(errors=1, passed=1)
    result.stdout.fnmatch_lines(["*run: pytest suites --checkpoint A=* --checkpoint B=*"])
    assert not (project.path / "vlm-report").exists()


def test_one_checkpoint_and_a_comparison_errors_too(project, suite):
    suite("def test_answers(compare, samples): ...\ndef test_speaks(predict): ...\n")
    project.samples()
    result = project.gate(project.checkpoint("A"))
    result.assert_outcomes(errors=1, passed=1)
    result.stdout.fnmatch_lines(["*compares a candidate with the baseline*"])


def test_collection_goes_on_without_checkpoints(project, suite):
    suite("def test_answers(compare, samples): ...\n")
    result = project.pytester.runpytest("--co", "-q")
    assert result.ret == 0
    result.stdout.fnmatch_lines(["*test_answers?needs-checkpoint?"])


def test_two_checkpoints_of_one_name_are_refused(project, suite):
    suite()
    project.samples()
    result = project.gate(project.checkpoint("A"), project.checkpoint("A"))
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*two checkpoints are called 'A'*name them apart*"])


def test_an_illegal_name_is_refused(project, suite):
    suite()
    result = project.gate("a b=x")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*the name 'a b' may only hold letters*"])


def test_the_twin_option_works_as_well(project, suite):
    suite("def test_who(checkpoint): assert checkpoint.name == 'A'\n")
    result = project.pytester.runpytest("--vlm-engine=fake", "--vlm-checkpoint=A=x.json")
    result.assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda folder: shutil.rmtree(folder), "*no such checkpoint*"),
        (lambda folder: (folder / "config.json").unlink(), "*is not a checkpoint*no config.json*"),
        (
            lambda folder: (folder / "model.safetensors").write_bytes(
                (STRONG / "model.safetensors").read_bytes()[:-100]
            ),
            "*an incomplete copy; copy it again*",
        ),
        (
            lambda folder: (folder / "model.safetensors").write_text(
                "version https://git-lfs.github.com/spec/v1"
            ),
            "*git lfs pull*",
        ),
    ],
)
def test_a_broken_checkpoint_stops_the_run_before_the_first_test(project, suite, damage, message):
    suite()
    project.samples()
    broken = project.path / "broken"
    shutil.copytree(STRONG, broken)
    damage(broken)
    result = project.pytester.runpytest(
        "--vlm-samples=samples.jsonl", f"--checkpoint=A={STRONG}", f"--checkpoint=B={broken}"
    )
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([message])
    assert len(result.stderr.lines) <= 3


@pytest.mark.parametrize(
    ("file", "before", "after", "what"),
    [
        ("chat_template.jinja", "<|im_start|>", "<|im_end|>", "chat template"),
        ("preprocessor_config.json", "0.3", "0.4", "image processor"),
        ("tokenizer.json", "digit", "finger", "tokenizer"),
    ],
)
def test_sides_that_do_not_see_the_same_question_are_held(
    project, suite, file, before, after, what
):
    suite()
    project.samples()
    other = project.path / "other"
    shutil.copytree(STRONG, other)
    text = (other / file).read_text()
    assert before in text
    (other / file).write_text(text.replace(before, after))
    result = project.pytester.runpytest(
        "--vlm-samples=samples.jsonl", f"--checkpoint=A={STRONG}", f"--checkpoint=B={other}"
    )
    assert result.ret == 1
    result.stdout.fnmatch_lines([f"*the {what}s of B *differ*"])
    assert project.verdicts() == {"B": "HOLD"}


def test_comparing_and_predicting_in_one_test_is_refused(project, suite):
    suite("def test_both(compare, predict): ...\n")
    project.samples()
    result = project.gate(project.checkpoint("A"), project.checkpoint("B"))
    assert result.ret != 0
    result.stdout.fnmatch_lines(["*write two tests*"])
