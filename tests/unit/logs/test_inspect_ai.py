"""What inspect_ai writes, whole or in part."""

from __future__ import annotations

import json
import zipfile

import logged
import pytest

from pytest_vlm.errors import LogError
from pytest_vlm.logs import archives
from pytest_vlm.logs.inspect_ai import entries
from pytest_vlm.logs.reading import read_log

SAID = ["0", "1", "no"]


def sample(**fields):
    return {
        "id": 1,
        "epoch": 1,
        "input": "?",
        "target": "x",
        "output": {"choices": [{"message": {"content": "x"}, "stop_reason": "stop"}]},
        "scores": {},
    } | fields


def read(**fields):
    [entry] = entries({"status": "success", "samples": [sample(**fields)]}, "a.json", "")
    return entry


@pytest.mark.parametrize(
    ("value", "number"),
    [("C", 1), ("I", 0), ("P", 0.5), ("N", 0), ("yes", 1), ("No", 0), (True, 1), (0.25, 0.25)],
)
def test_grades_are_numbers(value, number):
    assert read(scores={"match": {"value": value}}).recorded == {"match": number}


def test_what_is_no_grade_is_left_out_and_objects_are_named():
    scores = {"a": {"value": "maybe"}, "b": {"value": [1]}, "c": {"value": {"x": "C", "y": 0.5}}}
    assert read(scores=scores).recorded == {"c.x": 1.0, "c.y": 0.5}


def test_how_an_answer_ended():
    cut = {"choices": [{"message": {"content": "x"}, "stop_reason": "max_tokens"}]}
    assert read(output=cut).finish_reason == "length"
    assert read(error={"message": "out of memory"}).finish_reason == "error"
    assert read(output={"choices": []}).answers == ()


def test_a_picture_is_known_by_its_content():
    parts = [{"type": "text", "text": "What?"}, {"type": "image", "image": "attachment://ab12"}]
    entry = read(input=[{"role": "user", "content": parts}], metadata={"image_id": 4})
    assert (entry.question, entry.cluster) == ("What?", "attachment://ab12")
    assert read(metadata={"image_id": 4}).cluster == "4"


@pytest.mark.parametrize("suffix", [".json", ".eval"])
def test_a_run_that_did_not_end_well_is_refused(tmp_path, suffix):
    path = logged.inspect_ai(tmp_path / f"a{suffix}", SAID, status="cancelled")
    with pytest.raises(LogError, match=r"ended as 'cancelled', .* inspect eval-retry"):
        read_log(path, name="A")


def test_an_archive_without_its_header_never_ended(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.eval", "w") as archive:
        archive.writestr("samples/1_epoch_1.json", json.dumps(sample()))
    with pytest.raises(LogError, match="the run never ended"):
        read_log(tmp_path / "a.eval", name="A")


def test_one_epoch_twice_is_refused(tmp_path):
    path = logged.inspect_ai(tmp_path / "a.json", SAID)
    content = json.loads(path.read_text())
    content["samples"] *= 2
    path.write_text(json.dumps(content))
    with pytest.raises(LogError, match="sample 4: the id '0' stands there again"):
        read_log(path, name="A")


def test_what_unpacks_to_too_much_is_refused(tmp_path, monkeypatch):
    path = logged.inspect_ai(tmp_path / "a.eval", SAID)
    with monkeypatch.context() as patch:
        patch.setattr(archives, "LARGEST_WHOLE", 500)
        with pytest.raises(LogError, match="unpacks to more than"):
            read_log(path, name="A")
    monkeypatch.setattr(archives, "LARGEST_MEMBER", 100)
    with pytest.raises(LogError, match=r"samples/0_epoch_1\.json: larger than"):
        read_log(path, name="A")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_files_of_one_name_are_refused(tmp_path):
    path = logged.inspect_ai(tmp_path / "a.eval", SAID)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("samples/0_epoch_1.json", json.dumps(sample()))
    with pytest.raises(LogError, match="two files of one name"):
        read_log(path, name="A")
