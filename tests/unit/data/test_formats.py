"""The same questions in every format are the same samples."""

from __future__ import annotations

import csv
import json
import os
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pytest_vlm.data import open_dataset, table
from pytest_vlm.errors import SamplesError

ROWS = [
    {"id": "a", "image": "pictures/0.png", "query": "What is it?", "target": ["7", "seven"]},
    {"id": "b", "image": "pictures/0.png", "query": 'Where,\n"is" it?', "target": ["left"]},
    {"id": "c", "image": "pictures/1.png", "query": "¿Qué es?", "target": ["ü"]},
]


@pytest.fixture
def folder(tmp_path, picture):
    (tmp_path / "pictures").mkdir()
    for number in range(2):
        (tmp_path / f"pictures/{number}.png").write_bytes(picture(seed=number))
    return tmp_path


def jsonl(folder, rows=ROWS):
    path = folder / "samples.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def as_csv(folder, delimiter=",", name="samples.csv"):
    path = folder / name
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(ROWS[0]), delimiter=delimiter)
        writer.writeheader()
        for row in ROWS:
            writer.writerow({**row, "target": json.dumps(row["target"])})
    return path


def as_tsv(folder):
    return as_csv(folder, "\t", "samples.tsv")


def parquet(folder):
    path = folder / "samples.parquet"
    pq.write_table(pa.Table.from_pylist(ROWS), path, row_group_size=2)
    return path


def parquet_with_pictures(folder):
    path = folder / "packed.parquet"
    rows = [
        {**row, "image": {"bytes": (folder / row["image"]).read_bytes(), "path": None}}
        for row in ROWS
    ]
    pq.write_table(pa.Table.from_pylist(rows), path)
    return path


def image_folder(folder):
    rows = [
        {
            "file_name": row["image"],
            "id": row["id"],
            "question": row["query"],
            "answers": row["target"],
        }
        for row in ROWS
    ]
    (folder / "metadata.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def saved_dataset(folder):
    from datasets import Dataset, Image

    rows = [{**row, "image": str(folder / row["image"])} for row in ROWS]
    Dataset.from_list(rows).cast_column("image", Image()).save_to_disk(str(folder / "saved"))
    return folder / "saved"


@pytest.mark.parametrize(
    "write",
    [as_csv, as_tsv, parquet, parquet_with_pictures, image_folder, saved_dataset],
    ids=lambda write: write.__name__,
)
def test_every_format_says_the_same(folder, write):
    expected = list(open_dataset(jsonl(folder)))
    dataset = open_dataset(write(folder), media_root=folder if write is saved_dataset else None)
    assert len(dataset) == 3
    for found in (list(dataset), [dataset[i] for i in range(3)], list(dataset[::-1])[::-1]):
        assert [sample.id for sample in found] == ["a", "b", "c"]
        assert [sample.query for sample in found] == [sample.query for sample in expected]
        assert [sample.targets for sample in found] == [sample.targets for sample in expected]
        assert [sample.digest for sample in found] == [sample.digest for sample in expected]
        assert [sample.cluster for sample in found] == [sample.cluster for sample in expected]
    assert dataset["b"].query == ROWS[1]["query"]


@pytest.mark.parametrize("write", [jsonl, as_csv, parquet], ids=lambda write: write.__name__)
def test_a_sample_knows_its_position_and_a_changed_one_has_none(folder, write):
    path = write(folder)
    dataset, again = open_dataset(path), open_dataset(path)
    for position, sample in enumerate(dataset):
        assert dataset.position_of(sample) == position
        assert again.position_of(sample) == position
        assert dataset.where(lambda s: s.id != "a").position_of(sample) == position
    assert dataset.position_of(type(sample)(id="a", messages=sample.messages)) is None


@pytest.mark.parametrize("write", [jsonl, as_csv, parquet], ids=lambda write: write.__name__)
def test_a_file_that_changes_while_it_is_used_is_refused(folder, write, monkeypatch):
    monkeypatch.setattr(table, "REMEMBERED", 0)  # what is in memory needs no file
    path = write(folder)
    dataset = open_dataset(path)
    path.write_bytes(path.read_bytes() + b"\n")
    os.utime(path, ns=(1, 1))
    with pytest.raises(SamplesError, match="has changed since it was opened"):
        dataset[0]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "header"),
        (b"id,image,query\n", "holds no samples"),
        (b"id,image\na,pictures/0.png\n", "has no column 'query'"),
        (b"id,id,query\n", "line 1: two columns are named 'id'"),
        (b"id,image,query\na,pictures/0.png,what?,more\n", "line 2"),
        (b'id,image,query\na,pictures/0.png,"what?\n', "line 2"),
        (b"id,image,query\na,pictures/0.png,\xff\n", "line 2"),
        (b"id,image,query\na/b,pictures/0.png,?\n", "line 2"),
        (b"id,image,query\na,../x.png,?\n", "line 2.*outside"),
        (b'id,image,query\n"a\n",pictures/0.png,?\n', "line 2"),
        (b'id,image,query\na,pictures/0.png,"one\ntwo"\nb,pictures/0.png\n', "line 4: 2 cells"),
        (b"id,image,query\na,pictures/0.png,\0\n", "line 2: a NUL byte"),
        (b"\xff\xfei\0d\0", "line 1: not UTF-8"),
        (b"id,image,query\n" + b"a" * 200_000, "line 2: field larger"),
        (b"id,image,query\n" + b'"' + b"\n" * 9_000_000, "line 2: "),
        (b"id,image,query,region\na,pictures/0.png,?,[0\n", "line 2: 'region' is not valid JSON"),
        (b"id,image,query,region\na,pictures/0.png,?,0 0 8 8\n", "line 2: 'region' is not valid"),
        (b'id,image,query,meta\na,pictures/0.png,?,"{""a"": ""\\ud800""}"\n', "line 2: 'meta' is"),
    ],
)
def test_a_bad_csv_file_is_refused_by_its_line(folder, content, message):
    path = folder / "bad.csv"
    path.write_bytes(content)
    with pytest.raises(SamplesError, match=rf"(?s)bad\.csv.*{message}"):
        open_dataset(path)


def test_csv_as_spreadsheets_write_it(folder):
    path = folder / "sheet.csv"
    path.write_bytes(
        b"\xef\xbb\xbfid,file_name,question,answers,choices,tags,region,score\r\n"
        b'1,pictures/0.png,"one\r\ntwo",7,6|7,,"[0, 0, 8, 8]",3\r\n'
        b"\r\n"
        b'2,pictures/1.png,?,"[""7"", ""seven""]","[""6"", ""7""]",x | y,,'
    )
    first, second = open_dataset(path)
    assert (first.query, first.targets, first.choices) == ("one\r\ntwo", ("7",), ("6", "7"))
    assert (first.regions[0].box, first.tags, first.meta) == ((0, 0, 8, 8), (), {"score": "3"})
    assert (second.targets, second.choices) == (("7", "seven"), ("6", "7"))
    assert (second.tags, second.meta) == (("x", "y"), {})


def test_a_row_of_a_table_without_ids_is_known_by_its_number(folder):
    path = folder / "plain.csv"
    path.write_text("image,query\npictures/0.png,a\npictures/0.png,b\n")
    assert [sample.id for sample in open_dataset(path)] == ["1", "2"]


def test_a_sample_that_is_still_used_is_given_again(folder):
    dataset = open_dataset(jsonl(folder))
    kept = dataset["b"]
    assert dataset[1] is kept
    assert list(dataset)[1] is kept
    assert next(iter(dataset)) == dataset[0]


def test_questions_about_one_file_share_its_picture(folder):
    first, second, third = open_dataset(jsonl(folder))
    assert first.frames[0] is second.frames[0] is not third.frames[0]


def test_messages_and_regions_in_parquet(folder):
    content = [
        {"type": "image", "image": "pictures/0.png", "text": None},
        {"type": "text", "image": None, "text": "What?"},
    ]
    row = {
        "id": 7,
        "messages": [{"role": "user", "content": content}],
        "region": [0.0, 0.0, 8.0, 8.0],
        "year": 1999,
        "vector": [1.0, 2.0],
        "meta": {"split": "test"},
    }
    path = folder / "chat.parquet"
    pq.write_table(pa.Table.from_pylist([row]), path)
    (sample,) = open_dataset(path)
    assert (sample.id, sample.query, len(sample.frames)) == ("7", "What?", 1)
    assert sample.regions[0].box == (0, 0, 8, 8)
    assert sample.meta == {"year": 1999, "split": "test"}


def test_a_picture_struct_of_parquet_may_name_a_file(folder):
    path = folder / "paths.parquet"
    rows = [{**row, "image": {"bytes": None, "path": row["image"]}} for row in ROWS]
    pq.write_table(pa.Table.from_pylist(rows), path)
    assert [s.digest for s in open_dataset(path)] == [s.digest for s in open_dataset(jsonl(folder))]


def test_rows_of_parquet_in_any_order_are_the_rows(folder):
    path = folder / "many.parquet"
    rows = [{"id": str(i), "image": "pictures/0.png", "query": f"{i}?"} for i in range(3000)]
    pq.write_table(pa.Table.from_pylist(rows), path, row_group_size=700)
    dataset = open_dataset(path)
    for position in (2999, 0, 1400, 1399, 70, 2999, 63, 64):
        assert dataset[position].query == f"{position}?"


def test_a_bad_parquet_file_is_refused(folder):
    path = parquet(folder)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(SamplesError, match=r"samples\.parquet"):
        open_dataset(path)
    path.write_bytes(b"not parquet at all")
    with pytest.raises(SamplesError, match=r"samples\.parquet"):
        open_dataset(path)


def test_a_bad_row_of_a_parquet_file_is_named(folder):
    path = folder / "bad.parquet"
    pq.write_table(pa.Table.from_pylist([*ROWS, {**ROWS[0], "id": "x/y"}]), path)
    with pytest.raises(SamplesError, match=r"bad\.parquet, row 4: the id 'x/y'"):
        open_dataset(path)


def test_parquet_with_damaged_pages_is_refused_or_read(folder):
    path = parquet(folder)
    data = path.read_bytes()
    for place in range(4, 200, 7):
        path.write_bytes(data[:place] + b"\xff\x00\xff" + data[place + 3 :])
        try:
            list(open_dataset(path))
        except SamplesError as error:
            assert "samples.parquet" in str(error)


def test_a_folder_without_metadata_says_what_to_write(folder):
    with pytest.raises(
        SamplesError, match=r"pictures is a folder without .*write one row for each"
    ):
        open_dataset(folder / "pictures")


def test_the_metadata_file_of_a_folder_may_be_named_itself(folder):
    image_folder(folder)
    assert [sample.id for sample in open_dataset(folder / "metadata.jsonl")] == ["a", "b", "c"]


def test_a_folder_whose_metadata_is_csv(folder):
    (folder / "metadata.csv").write_text("file_name,question\npictures/0.png,What?\n")
    assert [sample.query for sample in open_dataset(folder)] == ["What?"]


def test_a_folder_with_two_metadata_files_is_refused(folder):
    image_folder(folder)
    (folder / "metadata.csv").write_text("file_name,question\npictures/0.png,What?\n")
    with pytest.raises(SamplesError, match=r"metadata\.csv cannot both be the metadata"):
        open_dataset(folder)


def test_splits_below_a_folder(folder):
    (folder / "pictures/metadata.csv").write_text("file_name,question\n0.png,What?\n")
    assert [sample.query for sample in open_dataset(folder)] == ["What?"]
    (folder / "other").mkdir()
    (folder / "other/metadata.csv").write_text("file_name,question\n../pictures/0.png,What?\n")
    with pytest.raises(SamplesError, match=r"the splits other, pictures; choose one: .*other"):
        open_dataset(folder)


def test_pictures_may_lie_below_another_root(folder, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "samples.jsonl"
    rows = [ROWS[0], {**ROWS[1], "image": str(folder / "pictures/0.png")}]
    elsewhere.write_text("\n".join(map(json.dumps, rows)))
    with pytest.raises(SamplesError, match=r"line 1: cannot read the image"):
        open_dataset(elsewhere)
    first, second = open_dataset(elsewhere, media_root=folder)
    assert first.frames == second.frames
    with pytest.raises(SamplesError, match=r"--vlm-media-root .*gone is not a folder"):
        open_dataset(elsewhere, media_root=folder / "gone")


@pytest.fixture
def hub_cache(tmp_path_factory, monkeypatch):
    """What the library writes when it opens a dataset goes where nobody looks."""
    import datasets

    cache = tmp_path_factory.mktemp("hub")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", str(cache))
    monkeypatch.setattr(datasets.config, "HF_CACHE_HOME", str(cache))
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)


@pytest.mark.usefixtures("hub_cache")
def test_a_dataset_by_its_name(folder):
    (folder / "data").mkdir()
    packed = parquet_with_pictures(folder)
    packed.rename(folder / "data/test-00000-of-00001.parquet")
    expected = [sample.digest for sample in open_dataset(jsonl(folder))]
    for name in (f"hf:{folder}/data", f"hf:{folder}/data:test"):
        assert [sample.digest for sample in open_dataset(name)] == expected
    with pytest.raises(SamplesError, match=r"cannot load the dataset hf:.*:train"):
        open_dataset(f"hf:{folder}/data:train")


@pytest.mark.usefixtures("hub_cache")
def test_a_saved_dataset_with_splits_asks_for_one(folder):
    from datasets import ClassLabel, Dataset, DatasetDict

    rows = [{"image": "pictures/0.png", "question": "What?", "answer": 1}]
    split = Dataset.from_list(rows).cast_column("answer", ClassLabel(names=["cat", "dog"]))
    DatasetDict({"dev": split, "test": split}).save_to_disk(str(folder / "saved"))
    with pytest.raises(SamplesError, match=r"the splits dev, test; choose one: .*saved/dev"):
        open_dataset(folder / "saved")
    (sample,) = open_dataset(folder / "saved/dev", media_root=folder)
    assert sample.targets == ("dog",)


@pytest.mark.parametrize("name", ["hf:", "hf::test", "hf:a:b:c:d"])
def test_a_name_that_is_none_is_refused(name):
    with pytest.raises(SamplesError, match="is not a dataset's name; write hf:NAME"):
        open_dataset(name)


@pytest.mark.parametrize(("library", "source"), [("pyarrow", "a.parquet"), ("datasets", "hf:a/b")])
def test_a_library_that_is_not_installed_is_named(monkeypatch, library, source):
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(SamplesError, match=rf"needs {library}; run: pip install 'pytest-vlm\[data"):
        open_dataset(source)
