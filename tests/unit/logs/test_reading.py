"""Every tool's log says the same of the same answers."""

from __future__ import annotations

import gzip
import json
import struct
import sys
import zipfile
import zlib
from pathlib import Path

import logged
import pytest
import zstandard

from pytest_vlm.errors import LogError
from pytest_vlm.logs import lines, read_log
from pytest_vlm.logs.own import write_log
from pytest_vlm.logs.pairing import pair_logs

SAID = logged.answers(0.8)


def tsv(path, said):
    return logged.vlmevalkit(path.with_suffix(".tsv"), said)


def table(path, said):
    return logged.vlmevalkit(path.with_suffix(".json"), said)


def workbook(path, said):
    return logged.vlmevalkit(path.with_suffix(".xlsx"), said)


def archive(path, said):
    return logged.inspect_ai(path.with_suffix(".eval"), said)


def document(path, said):
    return logged.inspect_ai(path.with_suffix(".json"), said)


WRITERS = [logged.lm_eval, logged.lmms_eval, tsv, table, workbook, archive, document]
RECORDED = {"lm_eval": "acc", "lmms_eval": "exact_match", "archive": "match", "document": "match"}


@pytest.mark.parametrize("write", WRITERS, ids=lambda write: write.__name__)
def test_questions_targets_answers_and_metrics(tmp_path, write):
    log = read_log(write(tmp_path / "log.jsonl", SAID), name="A")
    assert [sample.id for sample in log.samples] == [str(n) for n in range(logged.QUESTIONS)]
    assert "What is" in log.samples[3].query
    assert log.samples[3].targets[0] in ("3", "A")
    right = [float(answer == str(n)) for n, answer in enumerate(SAID)]
    said = [prediction.answer for prediction in log.predictions]
    assert [float(a in s.targets) for a, s in zip(said, log.samples, strict=True)] == right
    assert list(log.recorded[RECORDED.get(write.__name__, "hit")]) == right


def test_lists_of_targets_are_read_out_of_their_text(tmp_path):
    log = read_log(logged.lmms_eval(tmp_path / "a.jsonl", SAID), name="A")
    assert log.samples[3].targets == ("3", "number 3")


def test_epochs_are_completions_and_their_metrics_are_averaged(tmp_path):
    path = logged.inspect_ai(tmp_path / "a.json", ["0", "1"], epochs=3)
    content = json.loads(path.read_text())
    content["samples"][0]["scores"]["match"]["value"] = "I"
    path.write_text(json.dumps(content))
    log = read_log(path, name="A")
    assert [len(p.completions) for p in log.predictions] == [3, 3]
    assert log.recorded["match"] == (pytest.approx(2 / 3), 1.0)


def test_options_and_images_of_a_table(tmp_path):
    log = read_log(tsv(tmp_path / "a", SAID), name="A")
    assert log.samples[3].choices == ("3", "no")
    assert log.samples[2].cluster == log.samples[3].cluster == "1.png"


@pytest.mark.parametrize(
    ("write", "path"), [(logged.lm_eval, "doc.page"), (document, "metadata.page")]
)
def test_clusters_by_a_dotted_path(tmp_path, write, path):
    file = write(tmp_path / "a.jsonl", SAID)
    assert read_log(file, name="A", cluster=path).samples[3].cluster == "1"
    with pytest.raises(LogError, match=r"nothing that names a cluster stands at 'doc\.nowhere'"):
        read_log(file, name="A", cluster="doc.nowhere")


def test_a_compressed_log(tmp_path):
    plain = logged.lm_eval(tmp_path / "a.jsonl", SAID)
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(plain.read_bytes()))
    assert read_log(tmp_path / "a.jsonl.gz", name="A") == read_log(plain, name="A")


def test_lines_are_lines_whatever_the_file_is_called(tmp_path):
    plain = logged.lm_eval(tmp_path / "a.jsonl", SAID)
    (tmp_path / "a.json").write_bytes(plain.read_bytes())
    assert read_log(tmp_path / "a.json", name="A") == read_log(plain, name="A")


def test_rows_in_one_document(tmp_path):
    plain = logged.lm_eval(tmp_path / "a.jsonl", SAID)
    rows = [json.loads(line) for line in plain.read_text().splitlines()]
    (tmp_path / "a.json").write_text(json.dumps({"args": {}, "logs": rows}, indent=4))
    assert read_log(tmp_path / "a.json", name="A") == read_log(plain, name="A")


def test_a_compressed_log_that_is_cut_or_damaged_is_refused(tmp_path):
    packed = gzip.compress(logged.lm_eval(tmp_path / "a.jsonl", SAID).read_bytes())
    for damaged in (packed[:-200], packed[:20] + b"damage" + packed[26:], b"plain"):
        (tmp_path / "b.jsonl.gz").write_bytes(damaged)
        with pytest.raises(LogError, match=r"b\.jsonl\.gz"):
            read_log(tmp_path / "b.jsonl.gz", name="B")


def test_a_line_or_a_whole_of_many_megabytes_is_refused(tmp_path, monkeypatch):
    path = logged.lm_eval(tmp_path / "a.jsonl", SAID)
    packed = tmp_path / "a.jsonl.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    monkeypatch.setattr(lines, "LARGEST", path.stat().st_size - 1)
    for too_large in (path, packed):  # the second one only when it is unpacked
        with pytest.raises(LogError, match="has more than"):
            read_log(too_large, name="A")
    monkeypatch.setattr(lines, "LARGEST", path.stat().st_size)
    monkeypatch.setattr(lines, "LONGEST", 100)
    with pytest.raises(LogError, match="line 1: longer than"):
        read_log(path, name="A")


def test_something_nested_too_deeply_is_refused(tmp_path):
    depth = sys.getrecursionlimit() * 7 // 10  # what imports raise, torch's compiler for one
    path, deep = tmp_path / "a.jsonl", "[" * depth + "1" + "]" * depth
    path.write_text(
        f'{{"doc_id": 1, "target": "x", "filtered_resps": ["x"], "doc": {{"image": {deep}}}}}'
    )
    with pytest.raises(LogError, match="nested too deeply"):
        read_log(path, name="A")


def test_our_own_log_refuses_what_it_never_writes(tmp_path):
    log = read_log(logged.lm_eval(tmp_path / "a.jsonl", SAID), name="A")
    write_log(tmp_path / "own.jsonl", log.samples, log.predictions, log.recorded)
    text = (tmp_path / "own.jsonl").read_text()
    for written, changed, message in (
        ('"finish_reason": "stop"', '"finish_reason": "maybe"', "'finish_reason': 'maybe'"),
        ('"completions": [', '"completions": [], "other": [', "a completion"),
    ):
        (tmp_path / "b.jsonl").write_text(text.replace(written, changed, 1))
        with pytest.raises(LogError, match=f"line 1: {message}"):
            read_log(tmp_path / "b.jsonl", name="B")


def test_one_of_several_filters(tmp_path):
    path = logged.lm_eval(tmp_path / "a.jsonl", SAID, filters=("strict", "flexible"))
    with pytest.raises(LogError, match="choose: --filter strict or --filter flexible"):
        read_log(path, name="A")
    assert len(read_log(path, name="A", filter="strict").samples) == logged.QUESTIONS
    with pytest.raises(LogError, match="there is strict, flexible"):
        read_log(path, name="A", filter="none")
    with pytest.raises(LogError, match="it has none; leave out --filter"):
        read_log(logged.lmms_eval(tmp_path / "b.jsonl", SAID), name="B", filter="strict")


def test_our_own_log_comes_back(tmp_path):
    log = read_log(logged.inspect_ai(tmp_path / "a.json", SAID, epochs=2), name="A")
    write_log(tmp_path / "own.jsonl", log.samples, log.predictions, log.recorded)
    own = read_log(tmp_path / "own.jsonl", name="A")
    assert own.tool == "pytest-vlm"
    assert (own.samples, own.recorded) == (log.samples, log.recorded)
    assert [[c.raw for c in p.completions] for p in own.predictions] == [
        [c.raw for c in p.completions] for p in log.predictions
    ]


HARNESS = b'{"doc_id": 1, "target": "x", "filtered_resps": ["x"]}\n'
ROW = b'{"index": 1, "question": "%s", "prediction": 1}\n'


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"{", "line 1: not valid JSON"),
        (b"[1]", "line 1: expected a JSON object, found list"),
        (b'{"a": 1}', "is no log of"),
        (b"\xff", "line 1: not valid JSON"),
        (b"[" * 100_000, "not valid JSON"),
        (HARNESS + b'{"doc_id": 2', "line 2: not valid"),
        (HARNESS + b'{"doc_id": 2}', "line 2: it has no"),
        (b'{"pytest_vlm": 99}', "another version"),
        (b'{"pytest_vlm": 1}', "line 1: 'completions' is missing"),
        (ROW % b"?" + ROW % b"!", "line 2: another question with the id '1'"),
    ],
)
def test_a_broken_log_is_refused_by_its_line(tmp_path, content, message):
    path = tmp_path / "a.jsonl"
    path.write_bytes(content)
    with pytest.raises(LogError, match=message):
        read_log(path, name="A")


def test_what_cannot_be_a_log_is_refused_with_the_next_step(tmp_path):
    logged.lm_eval(tmp_path / "samples_x.jsonl", SAID)
    with pytest.raises(
        LogError, match=r"is a folder; give the one file [\s\S]* .*samples_x\.jsonl"
    ):
        read_log(tmp_path, name="A")
    with pytest.raises(LogError, match="is a pickle, which could run code"):
        read_log(tmp_path / "a.pkl", name="A")
    with pytest.raises(LogError, match=r"gone\.jsonl is no file"):
        read_log(tmp_path / "gone.jsonl", name="A")
    for name in ("a.eval", "a.xlsx", "a.json"):
        (tmp_path / name).write_bytes(b"not what its name says")
        with pytest.raises(LogError, match=name):
            read_log(tmp_path / name, name="A")


def packed_by_zstandard(plain: Path) -> bytes:
    """The same archive; zipfile of this Python cannot write it, so it is packed by hand."""
    packed, directory = bytearray(), bytearray()
    with zipfile.ZipFile(plain) as members:
        listed = members.infolist()
        for member in listed:
            content, name = members.read(member), member.filename.encode()
            small = zstandard.compress(content)
            sizes = (zlib.crc32(content), len(small), len(content), len(name), 0)
            common = struct.pack("<HHHHHIIIHH", 20, 0, 93, 0, 33, *sizes)
            start = len(packed)
            packed += b"PK\x03\x04" + common + name + small
            directory += b"PK\x01\x02" + struct.pack("<H", 20) + common
            directory += struct.pack("<HHHII", 0, 0, 0, 0, start) + name
    count = len(listed)
    end = struct.pack("<HHHHIIH", 0, 0, count, count, len(directory), len(packed), 0)
    return bytes(packed + directory + b"PK\x05\x06" + end)


def test_an_archive_packed_by_zstandard(tmp_path):
    plain = archive(tmp_path / "plain", SAID[:3])
    (tmp_path / "zstd.eval").write_bytes(packed_by_zstandard(plain))
    assert read_log(tmp_path / "zstd.eval", name="A") == read_log(plain, name="A")


def test_logs_of_other_questions_are_not_paired(tmp_path):
    a = read_log(logged.lm_eval(tmp_path / "a.jsonl", SAID), name="A")
    b = read_log(logged.lm_eval(tmp_path / "b.jsonl", SAID[:150]), name="B")
    with pytest.raises(LogError, match=r"50 samples are only in A \(150, 151, 152, ...\)"):
        pair_logs(a, b)
    pairs = pair_logs(a, b, only_shared=True)
    assert (len(pairs.baseline.samples), pairs.left_out) == (150, 50)
    other = read_log(logged.lmms_eval(tmp_path / "c.jsonl", SAID), name="C")
    with pytest.raises(LogError, match="0 has different targets"):
        pair_logs(a, other)


def test_the_order_of_a_log_does_not_matter(tmp_path):
    path = logged.lm_eval(tmp_path / "a.jsonl", SAID)
    backwards = reversed(path.read_text().splitlines())
    (tmp_path / "b.jsonl").write_text("\n".join(backwards))
    a, b = (read_log(tmp_path / f"{name}.jsonl", name=name) for name in "ab")
    pairs = pair_logs(a, b)
    assert pairs.candidate.samples == a.samples
    assert pairs.candidate.predictions == a.predictions
