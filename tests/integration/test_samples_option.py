"""``--vlm-samples``: one clear message for a file that cannot be used, and messages of samples."""

from __future__ import annotations

import json

import pytest

GOOD = {"id": "1", "image": "0.png", "query": "What?", "target": "a cat"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "*holds no samples*"),
        ("{", "*line 1: not valid JSON*"),
        (json.dumps(GOOD) + "\n" + json.dumps(GOOD), "*line 2: *already used on line 1*"),
        (json.dumps({**GOOD, "image": "none.png"}), "*line 1: cannot read the image*none.png*"),
        (json.dumps({**GOOD, "region": [0, 0, 99, 4]}), "*line 1: *not inside its image of 16x16*"),
        (json.dumps({**GOOD, "colour": 1}), "*line 1: unknown field 'colour'*"),
    ],
)
def test_a_bad_samples_file_stops_the_run_before_the_first_test(project, suite, content, message):
    suite()
    path = project.samples(1)
    path.write_text(content)
    result = project.gate(project.checkpoint("A"), project.checkpoint("B"))
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([message])
    assert len(result.stderr.lines) <= 3


@pytest.mark.parametrize("form", ["csv", "parquet", "folder"])
def test_other_formats_give_the_same_verdict(project, suite, form):
    suite()
    rows = [json.loads(line) for line in project.samples().read_text().splitlines()]
    sides = (project.checkpoint("A", accuracy=0.9), project.checkpoint("B", accuracy=0.4))
    expected = [line for line in project.gate(*sides).outlines if "exact match:" in line]
    assert "of 100 pairs" in expected[0]
    if form == "csv":
        source = project.path / "samples.csv"
        lines = [f"{row['id']},{row['image']},{row['query']},{row['target']}" for row in rows]
        source.write_text("\n".join(["id,image,query,target", *lines]))
    elif form == "parquet":
        pyarrow = pytest.importorskip("pyarrow")
        from pyarrow import parquet

        source = project.path / "samples.parquet"
        parquet.write_table(pyarrow.Table.from_pylist(rows), source)
    else:
        source = project.path
        (source / "samples.jsonl").rename(source / "metadata.jsonl")
    result = project.gate(*sides, options=(f"--vlm-samples={source}",))
    assert result.ret == 1
    assert [line for line in result.outlines if "exact match:" in line] == expected


def test_pictures_may_lie_below_another_folder(project, suite):
    suite("def test_count(samples): assert len(samples) == 3\n")
    elsewhere = project.pytester.mkdir("elsewhere") / "samples.jsonl"
    project.samples(3).rename(elsewhere)
    options = (f"--vlm-samples={elsewhere}", f"--vlm-media-root={project.path}")
    result = project.gate(project.checkpoint("A"), options=options[:1])
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*line 1: cannot read the image*0.png*"])
    project.gate(project.checkpoint("A"), options=options).assert_outcomes(passed=1)


def test_a_missing_samples_file_is_named(project, suite):
    suite()
    result = project.gate(project.checkpoint("A"), project.checkpoint("B"))
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*cannot read the samples file*samples.jsonl*"])


def test_no_samples_option_is_an_error_with_the_option(project, suite):
    suite()
    result = project.pytester.runpytest(
        "--vlm-engine=fake",
        f"--checkpoint={project.checkpoint('A')}",
        f"--checkpoint={project.checkpoint('B')}",
    )
    assert result.ret == 1
    result.stdout.fnmatch_lines(["*add --vlm-samples path/to/samples.jsonl*"])


def test_a_score_without_its_targets_is_an_error_and_not_an_empty_pass(project, suite):
    suite()
    project.samples(100, target=[])
    result = project.gate(project.checkpoint("A"), project.checkpoint("B"))
    assert result.ret == 1
    result.stdout.fnmatch_lines(["*none of 100 samples carries targets*"])


def test_an_image_that_breaks_later_is_a_named_gap_and_not_a_smaller_sample(project, suite):
    suite(
        """
        from pathlib import Path
        from pytest_vlm.scores import exact_match, score

        @score(name="patchy", needs=())
        def patchy(case):
            return None if case.sample.id == "s7" else 1.0

        def test_answers(compare, samples):
            compare(samples, score=patchy).assert_not_worse(margin=0.05)
        """
    )
    project.samples()
    result = project.gate(project.checkpoint("A"), project.checkpoint("B"))
    assert result.ret == 1
    result.stdout.fnmatch_lines(["*1 of 100 samples have no value for A, such as s7*"])


def test_ini_paths_are_relative_to_the_ini_file_and_the_command_line_wins(project, suite):
    suite("def test_count(samples, checkpoint): assert len(samples) == 3\n")
    project.samples(3)
    project.pytester.makeini("[pytest]\nvlm_samples = samples.jsonl\nvlm_engine = fake\n")
    sub = project.pytester.mkdir("sub")
    checkpoint = f"--checkpoint={project.checkpoint('A')}"
    project.pytester.chdir()
    result = project.pytester.runpytest(
        f"--rootdir={project.path}", "-c", "tox.ini", checkpoint, "test_suite.py"
    )
    result.assert_outcomes(passed=1)
    other = sub / "one.jsonl"
    (sub / "0.png").write_bytes((project.path / "0.png").read_bytes())
    other.write_text(json.dumps(GOOD))
    result = project.pytester.runpytest(checkpoint, f"--vlm-samples={other}")
    result.assert_outcomes(failed=1)
