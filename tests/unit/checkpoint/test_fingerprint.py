"""A fingerprint is of what an answer depends on, and of nothing else."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_vlm.checkpoint import fingerprint as module
from pytest_vlm.checkpoint.fingerprint import (
    content_files,
    file_digest,
    fingerprint,
    hub_digest,
)

blake3 = pytest.importorskip("blake3").blake3

FILES = {
    "model-00001-of-00002.safetensors": b"one",
    "model-00002-of-00002.safetensors": b"two",
    "model.safetensors.index.json": b"{}",
    "config.json": b"{}",
    "preprocessor_config.json": b"{}",
    "tokenizer.json": b"{}",
    "merges.txt": b"a b",
    "spiece.model": b"pieces",
    "qwen.tiktoken": b"IQ== 0",
    "modeling.py": b"pass",
    "chat_template.jinja": b"{{ messages }}",
    "additional_chat_templates/rag.jinja": b"{{ documents }}",
}
REVISION = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def folder(tmp_path) -> Path:
    path = tmp_path / "a"
    for name, content in FILES.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(content)
    return path


@pytest.fixture
def cached(tmp_path):
    """A snapshot of the hub's cache with one large file."""

    def write(content: bytes, name: str = "model.safetensors") -> Path:
        digest = hashlib.sha256(content).hexdigest()
        blob = tmp_path / "models--org--name" / "blobs" / digest
        blob.parent.mkdir(parents=True, exist_ok=True)
        blob.write_bytes(content)
        os.utime(blob, ns=(10**18, 10**18))
        snapshot = tmp_path / "models--org--name" / "snapshots" / REVISION
        snapshot.mkdir(parents=True, exist_ok=True)
        (snapshot / name).symlink_to(f"../../blobs/{digest}")
        return snapshot / name

    return write


def test_every_file_that_an_answer_depends_on_counts(folder):
    assert {name for name, _ in content_files(folder)} == FILES.keys()


@pytest.mark.parametrize("name", FILES)
def test_another_content_is_another_fingerprint(folder, name):
    before = fingerprint(folder)
    (folder / name).write_bytes(FILES[name] + b" ")
    assert fingerprint(folder) != before


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_another_fingerprint(folder, name):
    before = fingerprint(folder)
    (folder / name).unlink()
    assert fingerprint(folder) != before


def test_a_file_under_another_name_is_another_fingerprint(folder):
    before = fingerprint(folder)
    (folder / "merges.txt").rename(folder / "vocab.txt")
    assert fingerprint(folder) != before


def test_contents_that_change_places_are_another_fingerprint(folder):
    before = fingerprint(folder)
    one, two = sorted(folder.glob("model-*"))
    (one.write_bytes(b"two"), two.write_bytes(b"one"))
    assert fingerprint(folder) != before


def test_a_copy_with_another_name_and_date_keeps_it(folder, tmp_path):
    copy = Path(shutil.copytree(folder, tmp_path / "z" / "another name"))
    for path in copy.rglob("*"):
        os.utime(path, (0, 0))
    assert fingerprint(copy) == fingerprint(folder)


@pytest.mark.parametrize(
    "name",
    [
        "trainer_state.json",
        "training.json",
        "eval_results.json",
        "optimizer.pt",
        "README.md",
        "._config.json",
    ],
)
def test_what_no_model_reads_does_not_count(folder, name):
    before = fingerprint(folder)
    (folder / name).write_text(json.dumps({"global_step": 3}))
    assert fingerprint(folder) == before


def test_a_setting_that_nobody_knows_yet_counts(folder):
    before = fingerprint(folder)
    (folder / "video_preprocessor_config.json").write_text("{}")
    assert fingerprint(folder) != before


def test_it_stays_the_same_from_release_to_release(folder):
    """Answers of months lie under it. Change it on purpose, with SCHEMA in evaluation/keys.py."""
    assert fingerprint(folder) == "5840858de111bdee3773e24c7b0f034f"


def test_a_file_that_cannot_be_read_is_no_fingerprint(folder):
    def refuse(path: Path) -> str:
        raise OSError(path)

    with pytest.raises(OSError, match=r"rag\.jinja"):
        fingerprint(folder, refuse)


def test_one_file_of_weights_has_a_fingerprint_whatever_its_name(tmp_path):
    for name in ("a", "b"):
        (tmp_path / f"{name}.safetensors").write_bytes(b"delta")
    (tmp_path / "c.safetensors").write_bytes(b"other")
    one, same, other = (fingerprint(tmp_path / f"{name}.safetensors") for name in "abc")
    assert one == same != other


def test_the_digest_is_blake3_of_the_content(tmp_path):
    (tmp_path / "x").write_bytes(b"weights")
    assert file_digest(tmp_path / "x") == f"blake3:{blake3(b'weights').hexdigest()}"


@given(content=st.binary(max_size=40))
def test_a_content_longer_than_the_buffer_is_read_to_its_end(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("x") / "weights"
    path.write_bytes(content)
    told: list[int] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "CHUNK", 7)
        assert file_digest(path, told.append) == f"blake3:{blake3(content).hexdigest()}"
    assert sum(told) == len(content)
    assert max(told, default=0) <= 7


def test_the_hub_knows_the_digest_of_a_large_file(cached, monkeypatch):
    path = cached(b"weights")
    monkeypatch.setattr(Path, "open", None)  # nothing is read
    assert file_digest(path) == f"sha256:{hashlib.sha256(b'weights').hexdigest()}"


def test_a_snapshot_may_be_reached_through_a_link(cached, tmp_path):
    path = cached(b"weights")
    (tmp_path / "model").symlink_to(path.parent)
    assert hub_digest(tmp_path / "model" / path.name) == hub_digest(path) is not None


def test_a_blob_that_was_written_after_its_link_is_read(cached):
    path = cached(b"weights")
    path.write_bytes(b"patched")  # goes through the link
    assert file_digest(path) == f"blake3:{blake3(b'patched').hexdigest()}"


def test_a_small_file_is_read(cached, tmp_path):
    path = cached(b"{}", "config.json")
    sha1 = path.resolve().rename(path.resolve().with_name("a" * 40))
    path.unlink()
    path.symlink_to(sha1)
    assert hub_digest(path) is None


@pytest.mark.parametrize("place", ["elsewhere/REV", "snapshots/REV/nested"])
def test_another_layout_says_nothing(cached, tmp_path, place):
    blob = cached(b"weights").resolve()
    link = tmp_path / place / "model.safetensors"
    link.parent.mkdir(parents=True)
    link.symlink_to(blob)
    assert hub_digest(link) is None


def test_a_digest_among_other_files_says_nothing(tmp_path):
    (tmp_path / "snapshots" / REVISION).mkdir(parents=True)
    target = tmp_path / "a" / ("b" * 64)
    target.parent.mkdir()
    target.write_bytes(b"x")
    link = tmp_path / "snapshots" / REVISION / "x"
    link.symlink_to(target)
    assert hub_digest(link) is None
    assert hub_digest(target) is None
