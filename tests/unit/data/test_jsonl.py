"""JSON Lines: every line is right or refused by its number."""

from __future__ import annotations

import json

import pytest

from pytest_vlm.data import open_dataset
from pytest_vlm.errors import SamplesError
from pytest_vlm.evaluation.samples import Image, Text, Video

GOOD = {"id": "good", "image": "a.png", "query": "What is it?", "target": "7"}


@pytest.fixture
def folder(tmp_path, picture):
    (tmp_path / "a.png").write_bytes(picture(size=(64, 48)))
    (tmp_path / "b.png").write_bytes(picture(seed=1))
    (tmp_path / "folder.png").mkdir()
    return tmp_path


@pytest.fixture
def read(folder):
    def rows(*rows):
        lines = (row if isinstance(row, str) else json.dumps(row) for row in rows)
        path = folder / "samples.jsonl"
        path.write_text("\n".join(lines), encoding="utf-8")
        return open_dataset(path)

    return rows


def user(*parts):
    return [{"role": "user", "content": list(parts)}]


def test_reads_every_field(read, folder):
    row = GOOD | {
        "target": ["7", "seven"],
        "choices": ["6", "7"],
        "region": [0, 8, 32, 48],
        "cluster": "scene",
        "tags": ["where", "single"],
        "meta": {"split": "test"},
    }
    (sample,) = read(row)
    assert sample.id == "good"
    assert sample.frames == (Image(source=folder / "a.png"),)
    assert sample.query == "What is it?"
    assert sample.targets == ("7", "seven")
    assert sample.choices == ("6", "7")
    assert [region.box for region in sample.regions] == [(0, 8, 32, 48)]
    assert (sample.cluster, sample.tags) == ("scene", ("where", "single"))
    assert sample.meta == {"split": "test"}


def test_numbers_are_read_as_the_text_they_are_written_as(read):
    (sample,) = read('{"id": 7, "image": "a.png", "query": "?", "target": 7, "choices": [1, 2.5]}')
    assert (sample.id, sample.targets, sample.choices) == ("7", ("7",), ("1", "2.5"))


def test_several_images_keep_their_order(read, folder):
    (sample,) = read({"id": "1", "images": ["b.png", "a.png"], "query": "Which?"})
    assert [frame.source.name for frame in sample.frames] == ["b.png", "a.png"]


def test_chat_messages_with_images_and_frames_of_a_video(read, folder):
    (sample,) = read(
        {
            "id": "1",
            "messages": [
                {"role": "system", "content": "Be brief."},
                *user(
                    {"type": "image", "image": "a.png"},
                    {"type": "video", "video": ["a.png", "b.png"]},
                    {"type": "text", "text": "What changed?"},
                ),
            ],
        }
    )
    a, b = Image(source=folder / "a.png"), Image(source=folder / "b.png")
    assert sample.messages[0].parts == (Text(text="Be brief."),)
    assert sample.messages[1].parts == (a, Video(frames=(a, b)), Text(text="What changed?"))


def test_an_unknown_cluster_is_that_of_the_picture(read):
    first, second = read(GOOD | {"id": "1", "cluster": None}, GOOD | {"id": "2", "image": "b.png"})
    assert first.cluster == first.frames[0].digest != second.cluster


def test_empty_lines_count_but_are_skipped(read):
    assert len(read("", GOOD, "  ", GOOD | {"id": "other"})) == 2
    with pytest.raises(SamplesError, match="line 4"):
        read("", GOOD, "", "{")


@pytest.mark.parametrize("mark", ["\u2028", "\u2029", "\x85"])
def test_a_line_ends_where_json_lines_end(read, folder, mark):
    row = GOOD | {"query": f"one{mark}two"}
    (sample,) = read(json.dumps(row, ensure_ascii=False))
    assert sample.query == f"one{mark}two"


def test_windows_line_ends(folder):
    path = folder / "samples.jsonl"
    path.write_bytes(f"{json.dumps(GOOD)}\r\n{json.dumps(GOOD | {'id': '2'})}\r\n".encode())
    assert [sample.id for sample in open_dataset(path)] == ["good", "2"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"id": "x", "image"', "not valid JSON"),
        ("[" * 100_000, "not valid JSON"),
        ('["x"]', "expected a JSON object, found list"),
        ("7", "expected a JSON object, found int"),
        (GOOD | {"targets": ["7"]}, "unknown field 'targets'; known are choices, cluster, id"),
        ({k: v for k, v in GOOD.items() if k != "id"}, "every sample needs an 'id'"),
        (GOOD | {"id": ""}, "every sample needs an 'id'"),
        (GOOD | {"id": None}, "every sample needs an 'id'"),
        (GOOD | {"id": True}, "every sample needs an 'id'"),
        ({"id": "1", "image": "a.png"}, "a sample needs a 'query'"),
        (GOOD | {"id": "1", "query": "  "}, "a sample needs a 'query'"),
        (GOOD | {"id": "1", "query": 7}, "a sample needs a 'query'"),
        ({"id": "1", "query": "?"}, "a sample needs an 'image'"),
        ({"id": "1", "query": "?", "images": []}, "a sample needs an 'image'"),
        ({"id": "1", "query": "?", "images": "a.png"}, "a sample needs an 'image'"),
        (GOOD | {"id": "1", "images": ["b.png"]}, "'image'"),
        (GOOD | {"id": "1", "image": ""}, "an image is given as a path, found ''"),
        (GOOD | {"id": "1", "image": None}, "an image is given as a path, found None"),
        (GOOD | {"id": "1", "image": "https://x.org/a.png"}, "download it and give its path"),
        (GOOD | {"id": "1", "image": "gone.png"}, r"cannot read the image .*gone\.png: No such"),
        (GOOD | {"id": "1", "image": "folder.png"}, r"cannot read the image .*folder\.png"),
        (GOOD | {"id": "1", "image": "a\0b.png"}, "image"),
        (GOOD | {"id": "1", "region": [0, 0, 65, 48]}, "is not inside its image of 64x48 px"),
        (GOOD | {"id": "1", "region": [0, 0, 64, 49]}, "is not inside its image of 64x48 px"),
        (GOOD | {"id": "1", "region": [-1, 0, 64, 48]}, "is not inside its image"),
        (GOOD | {"id": "1", "region": [32, 0, 0, 48]}, "with x0 < x1 and y0 < y1"),
        (GOOD | {"id": "1", "region": [0, 8, 64, 8]}, "with x0 < x1 and y0 < y1"),
        (GOOD | {"id": "1", "region": [0, 0, float("nan"), 8]}, "is not inside its image"),
        (GOOD | {"id": "1", "region": [0, 0, 8]}, r"'region' must be \[x0, y0, x1, y1\]"),
        (GOOD | {"id": "1", "region": "0 0 8 8"}, "'region' must be"),
        (GOOD | {"id": "1", "region": [0, 0, "8", 8]}, "'region' must be"),
        (GOOD | {"id": "1", "region": [False, 0, 8, 8]}, "'region' must be"),
        (GOOD | {"id": "1", "target": True}, "'target' must be a string or a list of strings"),
        (GOOD | {"id": "1", "target": {"en": "7"}}, "'target' must be"),
        (GOOD | {"id": "1", "tags": [["x"]]}, "'tags' must be"),
        (GOOD | {"id": "1", "choices": [None]}, "'choices' must be"),
        (GOOD | {"id": "1", "target": float("inf")}, "'target' must be"),
        (GOOD | {"id": "1", "cluster": {"a": 1}}, "'cluster' must be a string"),
        (GOOD | {"id": "1", "cluster": float("nan")}, "'cluster' must be a string"),
        (GOOD | {"id": ["1"]}, "every sample needs an 'id'"),
        (GOOD | {"id": 1.5}, "every sample needs an 'id'"),
        (GOOD | {"id": "1", "image": {"path": "../a.png"}}, "lies outside"),
        (GOOD | {"id": "1", "region": {"x0": 1}}, "'region' must be"),
        (GOOD | {"id": "1", "meta": "x"}, "'meta' must be an object"),
        (GOOD | {"id": "1", "messages": user({"type": "text", "text": "?"})}, "not both"),
        ({"id": "1", "messages": []}, "'messages' must be a list of chat messages"),
        ({"id": "1", "messages": ["?"]}, "a message needs a 'role' out of system, user"),
        ({"id": "1", "messages": [{"role": "bot", "content": "?"}]}, "a message needs a 'role'"),
        ({"id": "1", "messages": [{"role": "user", "content": []}]}, "needs 'content'"),
        ({"id": "1", "messages": user({"type": "audio", "audio": "x"})}, "a message part is"),
        ({"id": "1", "messages": user({"type": "video", "video": []})}, "a message part is"),
        (
            {"id": "1", "messages": user({"type": "text", "text": "?"}), "region": [0, 0, 1, 1]},
            "a 'region' needs an image to lie in",
        ),
    ],
)
def test_refuses_a_bad_line_by_its_number(read, line, message):
    with pytest.raises(SamplesError, match=rf"samples\.jsonl, line 3: .*{message}"):
        read(GOOD, "", line, GOOD | {"id": "after"})


def test_names_both_lines_of_an_id_that_is_used_twice(read):
    with pytest.raises(SamplesError, match=r"line 3: the id 'good' was already used on line 1"):
        read(GOOD, GOOD | {"id": "other"}, GOOD)


@pytest.mark.parametrize("content", [b"", b"\n \n"])
def test_an_empty_file_is_refused_with_an_example(tmp_path, content):
    path = tmp_path / "samples.jsonl"
    path.write_bytes(content)
    with pytest.raises(SamplesError, match=r"holds no samples; write one JSON object a line"):
        open_dataset(path)


def test_a_file_that_is_not_utf8_is_refused(tmp_path):
    path = tmp_path / "samples.jsonl"
    path.write_bytes('{"id": "é"}'.encode("latin-1"))
    with pytest.raises(SamplesError, match=r"line 1: not UTF-8 text \(byte 8 of it\)"):
        open_dataset(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(SamplesError, match=r"cannot read the samples file .*gone\.jsonl: No such"):
        open_dataset(tmp_path / "gone.jsonl")


def test_a_byte_order_mark_is_no_part_of_the_first_line(folder):
    path = folder / "marked.jsonl"
    path.write_text(json.dumps(GOOD), encoding="utf-8-sig")
    assert len(open_dataset(path)) == 1


def test_zero_is_a_cluster(read):
    rows = [GOOD | {"id": "1", "cluster": 0}, GOOD | {"id": "2", "image": "b.png", "cluster": 0}]
    assert {sample.cluster for sample in read(*rows)} == {"0"}
