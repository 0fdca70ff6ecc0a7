"""Nothing that stands in a samples file crashes, and nothing leaves its folder."""

from __future__ import annotations

import json
import os
import tracemalloc

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pytest_vlm.data import open_dataset
from pytest_vlm.errors import SamplesError

GOOD = {"id": "good", "image": "a.png", "query": "What is it?"}


@pytest.fixture
def folder(tmp_path, picture):
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a.png").write_bytes(picture())
    (tmp_path / "out.png").write_bytes(picture())
    return tmp_path / "in"


def write(folder, *lines):
    path = folder / "samples.jsonl"
    path.write_bytes(
        b"\n".join(line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines)
    )
    return path


def test_a_line_of_ten_megabytes_is_refused_by_its_number(folder):
    path = write(folder, GOOD, {**GOOD, "id": "2", "query": "x" * 10_000_000})
    with pytest.raises(SamplesError, match="line 2: longer than 8 MiB"):
        open_dataset(path)


@pytest.mark.parametrize("name", ["samples.jsonl", "samples.csv"])
def test_of_an_endless_line_only_the_beginning_is_read(folder, name):
    path = write(folder, GOOD, b"").rename(folder / name)
    os.truncate(path, 256 * 2**20)  # a hole, which takes no room
    tracemalloc.start()
    try:
        with pytest.raises(SamplesError, match=rf"{name}, line 2: longer than 8 MiB"):
            open_dataset(path)
        assert tracemalloc.get_traced_memory()[1] < 64 * 2**20
    finally:
        tracemalloc.stop()


def test_an_endless_row_of_short_lines_is_refused(folder):
    path = folder / "samples.csv"
    path.write_bytes(b'id,image,query\n"' + (b"x" * 1000 + b'\n","') * 10_000)
    with pytest.raises(SamplesError, match="line 2: a row of more than 8 MiB"):
        open_dataset(path)


def test_broken_utf8_is_refused_by_its_line(folder):
    path = write(folder, GOOD, b'{"id": "2", "image": "a.png", "query": "\xff"}')
    with pytest.raises(SamplesError, match="line 2: not UTF-8 text"):
        open_dataset(path)


@pytest.mark.parametrize(
    "id",
    ["a/b", "..", ".", "a\\b", "a\nb", "a\0b", "x" * 201, "\u0085", "\u202ex", 10**300],
    ids=repr,
)
def test_ids_that_cannot_name_a_file_are_refused(folder, id):
    with pytest.raises(SamplesError, match=r"line 2: the id"):
        open_dataset(write(folder, GOOD, {**GOOD, "id": id}))


@pytest.mark.parametrize(
    "path",
    [
        "../out.png",
        "/etc/hostname",
        "x/../../out.png",
        "C:\\a.png",
        "\\\\host\\a.png",
        "..\\out.png",
    ],
)
def test_paths_that_leave_the_folder_are_refused(folder, path):
    with pytest.raises(SamplesError, match=r"line 2: .*lies outside"):
        open_dataset(write(folder, GOOD, {**GOOD, "id": "2", "image": path}))


def test_a_link_out_of_the_folder_is_refused_unless_its_root_is_named(folder):
    (folder / "link.png").symlink_to("../out.png")
    path = write(folder, {**GOOD, "image": "link.png"})
    with pytest.raises(SamplesError, match=r"line 1: .*link that leads out"):
        open_dataset(path)
    assert len(open_dataset(path, media_root=folder)) == 1


def test_a_linked_folder_out_of_the_folder_is_refused(folder):
    (folder / "linked").symlink_to("..")
    with pytest.raises(SamplesError, match=r"line 1: .*link that leads out"):
        open_dataset(write(folder, {**GOOD, "image": "linked/out.png"}))


def test_a_link_within_the_folder_is_followed(folder):
    (folder / "link.png").symlink_to("a.png")
    assert len(open_dataset(write(folder, {**GOOD, "image": "link.png"}))) == 1


def test_a_folder_as_a_picture_is_named_as_one(folder):
    with pytest.raises(SamplesError, match=r"line 1: .*: it is a folder"):
        open_dataset(write(folder, {**GOOD, "image": "."}))


def test_pipes_as_pictures_are_refused_by_their_line(folder):
    os.mkfifo(folder / "pipe.png")
    with pytest.raises(SamplesError, match=r"line 2: .*pipe\.png: it is not a regular file"):
        open_dataset(write(folder, GOOD, {**GOOD, "id": "2", "image": "pipe.png"}))


def test_a_broken_picture_is_refused_only_when_it_is_asked(folder):
    (folder / "b.png").write_text("not a picture")
    row = {**GOOD, "id": "2", "image": "b.png", "region": [0, 0, 8, 8]}
    good, broken = open_dataset(write(folder, GOOD, row))
    assert good.frames[0].open().size == good.frames[0].size
    with pytest.raises(SamplesError, match=r"cannot open the image .*b\.png: not a picture"):
        broken.frames[0].open()


@pytest.mark.parametrize("depth", [60, 900, 100_000])
def test_deep_nesting_is_refused(folder, depth):
    nested = b'{"id": "2", "image": "a.png", "query": "?", "meta": {"a": %s%s}}'
    with pytest.raises(SamplesError, match="line 2: not valid JSON"):
        open_dataset(write(folder, GOOD, nested % (b"[" * depth, b"]" * depth)))


def test_many_brackets_are_no_deep_nesting(folder):
    assert len(open_dataset(write(folder, {**GOOD, "meta": {"a": [[i] for i in range(99)]}}))) == 1


def test_an_id_that_is_used_twice_far_apart_is_found(folder):
    rows = [{**GOOD, "id": str(i)} for i in range(3000)]
    with pytest.raises(SamplesError, match="line 3001: the id '7' was already used on line 8"):
        open_dataset(write(folder, *rows, rows[7]))


def test_half_a_character_is_refused(folder):
    path = write(folder, GOOD, b'{"id": "2", "image": "a.png", "query": "\\ud800"}')
    with pytest.raises(SamplesError, match="line 2: not valid JSON"):
        open_dataset(path)


@pytest.mark.parametrize("box", [[0, 0, 1e400, 8], [0, 0, 10**400, 8], [float("nan")] * 4])
def test_numbers_that_are_none_are_refused(folder, box):
    with pytest.raises(SamplesError, match=r"line 2: .*not inside its image"):
        open_dataset(write(folder, GOOD, {**GOOD, "id": "2", "region": box}))


def test_pipes_devices_and_folders_do_not_block(folder, tmp_path):
    for name in ("pipe.jsonl", "pipe.csv", "pipe.parquet"):
        os.mkfifo(tmp_path / name)
    for path in (*tmp_path.glob("pipe.*"), "/dev/zero"):
        with pytest.raises(SamplesError, match="not a regular file"):
            open_dataset(path)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)
NAMES = st.sampled_from(
    [
        "id",
        "image",
        "images",
        "messages",
        "query",
        "target",
        "choices",
        "region",
        "cluster",
        "tags",
        "meta",
    ]
)


@given(st.dictionaries(NAMES, VALUES))
@example({"messages": [{"role": "user", "content": [{"type": "video", "video": [["x"]]}]}]})
def test_any_values_are_samples_or_refused(tmp_path_factory, picture, row):
    folder = tmp_path_factory.mktemp("any")
    (folder / "a.png").write_bytes(picture())
    path = folder / "samples.jsonl"
    path.write_text(json.dumps({**GOOD, **row}), encoding="utf-8", errors="surrogatepass")
    try:
        [sample] = open_dataset(path)
    except SamplesError as error:
        assert "line 1" in str(error) or "UTF-8" in str(error)
    else:
        assert sample.digest


HEADER = b"id,image,query\n"
PIECES = st.sampled_from(
    [b'"', b"\n", b"\r", b",", b"\0", b"\xff", b"{", b"}", b"a.png", b"\\ud800"]
)
HOSTILE = st.binary(max_size=100) | st.lists(PIECES, max_size=30).map(b"".join)


@pytest.mark.parametrize(("suffix", "start"), [("jsonl", b""), ("csv", b""), ("csv", HEADER)])
@given(content=HOSTILE)
def test_any_bytes_are_refused_or_read(tmp_path_factory, suffix, start, content):
    path = tmp_path_factory.mktemp("any") / f"samples.{suffix}"
    path.write_bytes(start + content)
    with pytest.raises(SamplesError, match="samples"):
        open_dataset(path)


@given(st.binary(max_size=100))
def test_any_bytes_in_a_cell_are_text_or_refused(tmp_path_factory, picture, content):
    folder = tmp_path_factory.mktemp("any")
    (folder / "a.png").write_bytes(picture())
    path = folder / "samples.csv"
    path.write_bytes(HEADER + b"good,a.png,x" + content)
    try:
        samples = list(open_dataset(path))
    except SamplesError as error:
        assert "line" in str(error)
    else:
        assert all(sample.digest for sample in samples)
