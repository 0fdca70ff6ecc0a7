"""Files are opened as what they ought to be."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from pytest_vlm.checkpoint.files.reading import (
    confine,
    open_regular,
    parse_json,
    read_json,
    read_whole,
)
from pytest_vlm.errors import CheckpointError


@pytest.fixture
def file(tmp_path) -> Path:
    path = tmp_path / "config.json"
    path.write_text('{"a": 1}')
    return path


def test_reads_what_is_small_enough(file):
    assert read_whole(file, 8) == b'{"a": 1}'
    assert read_json(file) == {"a": 1}


def test_a_file_that_is_too_large_is_refused_with_both_sizes(file):
    with pytest.raises(CheckpointError, match=r"has 8 bytes; such a file has at most 7"):
        read_whole(file, 7)


def test_a_file_that_is_missing_is_named(tmp_path):
    with pytest.raises(CheckpointError, match=r"gone cannot be read: No such file"):
        read_whole(tmp_path / "gone", 7)


@pytest.mark.skipif(not hasattr(os, "seteuid"), reason="file modes are POSIX")
def test_a_file_that_may_not_be_read_is_named():
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        path = Path(folder) / "config.json"
        path.touch(mode=0o000)
        root = os.geteuid() == 0
        if root:
            os.seteuid(65534)
        try:
            with pytest.raises(CheckpointError, match=r"Permission denied; allow it: chmod u\+r"):
                read_whole(path, 7)
        finally:
            if root:
                os.seteuid(0)


def test_a_device_is_not_opened():
    with (
        pytest.raises(CheckpointError, match=r"/dev/zero is a device"),
        open_regular(Path("/dev/zero")),
    ):
        pass


def test_a_link_within_the_folder_is_followed(file):
    link = file.parent / "link.json"
    link.symlink_to(file.name)
    confine(link, file.parent)
    assert read_json(link) == {"a": 1}


def test_a_folder_that_is_a_link_itself_is_followed(file, tmp_path_factory):
    link = tmp_path_factory.mktemp("elsewhere") / "link"
    link.symlink_to(file.parent)
    confine(link / file.name, link)
    assert read_json(link / file.name) == {"a": 1}
    outside = link.parent / "outside.json"
    outside.touch()
    (file.parent / "out.json").symlink_to(outside)
    with pytest.raises(CheckpointError, match="is a link out of its folder"):
        confine(link / "out.json", link)


def cache(root: Path) -> Path:
    """A snapshot as huggingface_hub lays it out."""
    snapshot = root / "models--org--name" / "snapshots" / "abc"
    blobs = root / "models--org--name" / "blobs"
    snapshot.mkdir(parents=True)
    blobs.mkdir()
    (blobs / "123").write_text("{}")
    (snapshot / "config.json").symlink_to("../../blobs/123")
    return snapshot


def test_the_blobs_of_the_hubs_cache_belong_to_their_snapshot(tmp_path):
    snapshot = cache(tmp_path)
    confine(snapshot / "config.json", snapshot)
    assert read_json(snapshot / "config.json") == {}


def test_the_blobs_of_another_model_do_not(tmp_path):
    snapshot = cache(tmp_path)
    (tmp_path / "blobs").mkdir()
    (tmp_path / "blobs" / "x").touch()
    (snapshot / "other.json").symlink_to(tmp_path / "blobs" / "x")
    with pytest.raises(CheckpointError, match="is a link out of its folder"):
        confine(snapshot / "other.json", snapshot)


def test_blobs_that_are_a_link_elsewhere_are_refused(tmp_path):
    snapshot = tmp_path / "model" / "snapshots" / "abc"
    snapshot.mkdir(parents=True)
    (tmp_path / "secret").touch()
    (tmp_path / "model" / "blobs").symlink_to(tmp_path)
    (snapshot / "config.json").symlink_to("../../blobs/secret")
    with pytest.raises(CheckpointError, match="is a link out of its folder"):
        confine(snapshot / "config.json", snapshot)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{"a": 1, "a": 2}', "the key 'a' is there twice"),
        (b'{"b": {"a": 1, "a": 1}}', "the key 'a' is there twice"),
        (b'{"a": NaN}', "NaN is no number"),
        (b"\xef\xbb\xbf{}", "cannot be read as JSON"),
        ('{"a": 1}'.encode("utf-16"), "cannot be read as JSON"),
        (b"null", "no JSON object but a NoneType"),
        (b"{" * 100, "cannot be read as JSON"),
        (b'{"a":' * 50_000 + b"1" + b"}" * 50_000, "it is nested too deep"),
    ],
)
def test_no_json_object_is_refused(content, message):
    with pytest.raises(CheckpointError, match=message):
        parse_json(content, Path("config.json"))


def test_an_open_end_of_a_range_is_a_number():
    assert parse_json(b'{"a": [0.0, Infinity]}', Path("x"))["a"][1] == float("inf")
