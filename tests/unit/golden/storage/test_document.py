"""The ``.json`` of a golden."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from pytest_vlm.golden.golden import Provenance, Replaced
from pytest_vlm.golden.storage.document import Document

FILES = {".npz": "1" * 32, ".png": "2" * 32}


@pytest.fixture
def document(provenance) -> Document:
    signed = replace(
        provenance,
        accepted="2026-11-21T15:00:00+00:00",
        accepted_by="Ada <ada@example.org>",
        reason='a "new" resolution\nof é',
        replaced=Replaced(digest="3" * 32, accepted="2026-11-20T15:00:00+00:00"),
    )
    return Document(digest="0" * 32, files=FILES, provenance=signed)


def test_what_is_dumped_is_loaded(document):
    assert Document.load(document.dump()) == document


def test_what_is_not_known_is_left_out_and_loaded_as_such():
    origin = Provenance(checkpoint="B", fingerprint="", device="cpu")
    document = Document(digest="0" * 32, files={".png": "2" * 32}, provenance=origin)
    assert Document.load(document.dump()) == document
    assert set(json.loads(document.dump())) == {
        *("format", "subject", "digest", "files", "checkpoint", "fingerprint", "device")
    }


def test_has_one_field_a_line_for_version_control(document):
    lines = document.dump().decode().splitlines()
    assert ' "answer": "7 é",' in lines
    assert ' "layers": [2, 3],' in lines
    assert len(lines) == len(json.loads(document.dump())) + 2


def test_an_answer_that_is_no_text_for_a_file_is_kept(document):
    odd = replace(document, provenance=replace(document.provenance, answer="\ud800 ok"))
    assert Document.load(odd.dump()) == odd


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"format": 2}, "upgrade"),
        ({"subject": "film"}, "garbles"),
        ({"files": {".png": "2" * 32}}, "garbles"),
        ({"files": {".npz": 1, ".png": 2}}, "garbles"),
        ({"files": None}, "garbles"),
        ({"digest": 7}, "garbles"),
        ({"method": 7}, "method is no text"),
        ({"layers": "ab"}, "garbles"),
        ({"replaced": [1]}, "garbles"),
        ({"more": 1}, "unknown: more; a later pytest-vlm may know it"),
    ],
)
def test_what_cannot_be_meant_is_refused(document, changes, says):
    content = {**json.loads(document.dump()), **changes}
    with pytest.raises(ValueError, match=says):
        Document.load(json.dumps(content).encode())


def test_a_missing_field_is_named(document):
    content = json.loads(document.dump())
    del content["device"]
    with pytest.raises(ValueError, match="lacks or garbles a field \\('device'\\)"):
        Document.load(json.dumps(content).encode())
