"""What VLMEvalKit writes in a row, in each of its formats."""

from __future__ import annotations

import math

import pytest

from pytest_vlm.errors import LogError
from pytest_vlm.logs.reading import read_log
from pytest_vlm.logs.vlmevalkit import entries


def read(**cells):
    row = {"index": 1, "question": "?", "answer": "A", "prediction": "A"} | cells
    [entry] = entries(row, "row 2", "")
    return entry


@pytest.mark.parametrize("empty", [None, "", math.nan])
def test_empty_cells(empty):
    entry = read(answer=empty, prediction=empty, A="cat", B=empty)
    assert (entry.targets, entry.answers, entry.choices) == ((), ("",), ("cat",))
    with pytest.raises(LogError, match="row 2: it has no index"):
        read(index=empty)


def test_an_answer_that_the_tool_failed_to_get_is_an_error_not_a_wrong_one():
    assert read(prediction="Failed to obtain answer via API.").answers == ()


def test_numbers_in_any_column_are_metrics():
    entry = read(hit="1", match=True, eval_score="0.5", category="animals", image_path="1.png")
    assert entry.recorded == {"hit": 1.0, "match": 1.0, "eval_score": 0.5}
    assert entry.cluster == "1.png"


def test_tables_of_commas_and_of_tabs(tmp_path):
    for name, separator in (("a.csv", ","), ("a.tsv", "\t")):
        lines = ["index", "question", "answer", "prediction"], ["1", '"two\nlines"', "x", "x"]
        (tmp_path / name).write_text("\n".join(separator.join(line) for line in lines))
        log = read_log(tmp_path / name, name="A")
        assert log.samples[0].query == "two\nlines"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("index\tquestion\tprediction\n1\t?\n", r"line 2: it has not the 3 cells"),
        ("index\tquestion\tprediction\n1\t?\tx\ty\n", r"line 2: it has not the 3 cells"),
        ('index\tquestion\tprediction\n1\t?\t"never closed\n', "is no table"),
        ("index\tquestion\tprediction\n", "is empty"),
    ],
)
def test_a_broken_table_is_refused(tmp_path, content, message):
    (tmp_path / "a.tsv").write_text(content)
    with pytest.raises(LogError, match=message):
        read_log(tmp_path / "a.tsv", name="A")
