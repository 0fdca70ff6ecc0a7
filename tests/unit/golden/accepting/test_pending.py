"""What lies in a report folder is not trusted: whatever is odd is refused by name."""

from __future__ import annotations

import json
import os
import sys
import zipfile
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pytest_vlm.errors import GoldenError
from pytest_vlm.golden.accepting import artifacts
from pytest_vlm.golden.accepting.pending import PendingFolder, pending_store
from pytest_vlm.golden.golden import digest

ONE, TWO = "test_x/one", "test_x/two"
MISSING_FINGERPRINT = "e" * 32


def problems(report: Path) -> dict[str, str]:
    """Id to what is said of it; empty where it can be accepted."""
    folder = PendingFolder(report)
    found = {}
    for one in folder.goldens():
        try:
            folder.load(one)
            found[one.id] = ""
        except GoldenError as error:
            found[one.id] = str(error)
    return found


def change_run(report: Path, **changes: object) -> None:
    content = json.loads((report / "run.json").read_text()) | changes
    (report / "run.json").write_text(json.dumps(content))


def plant(report: Path, suffix: str, content: bytes) -> None:
    """Put a file in the place of another, with the digest that it should have."""
    path = report / "pending/B" / ONE
    path.with_suffix(suffix).write_bytes(content)
    if suffix != ".json":
        described = json.loads(path.with_suffix(".json").read_text())
        described["files"][suffix] = digest(content)
        path.with_suffix(".json").write_text(json.dumps(described))


def arrays(**changes: object) -> bytes:
    buffer = BytesIO()
    layers = {
        "values": np.ones(4, np.float32),
        "edges": np.arange(4, dtype=np.float32),
        "cells": np.zeros((6, 4), np.uint8),
    }
    np.savez_compressed(buffer, **layers | changes)
    return buffer.getvalue()


class Evil:
    def __reduce__(self):
        return os.mkdir, ("pickle-was-run",)


def png(mode="RGB", size=(64, 64)) -> bytes:
    buffer = BytesIO()
    Image.new(mode, size).save(buffer, "PNG")
    return buffer.getvalue()


def jpeg() -> bytes:
    buffer = BytesIO()
    Image.new("RGB", (8, 8)).save(buffer, "JPEG")
    return buffer.getvalue()


def zip_bomb() -> bytes:
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("values.npy", bytes(artifacts.UNPACKED + 1))
    return buffer.getvalue()


def lying_shape() -> bytes:
    """A header that tells of more numbers than there is memory for."""
    buffer = BytesIO()
    header = {"descr": "<f4", "fortran_order": False, "shape": (10**15,)}
    with zipfile.ZipFile(buffer, "w") as archive, archive.open("values.npy", "w") as member:
        np.lib.format.write_array_header_1_0(member, header)
    return buffer.getvalue()


def test_whole_ones_can_be_accepted(report):
    assert problems(report) == {ONE: "", TWO: ""}


@pytest.mark.parametrize(
    ("suffix", "content", "said"),
    [
        (".npz", b"", "one.npz cannot be used"),
        (".npz", b"PK\x03\x04 not a zip", "one.npz cannot be used"),
        (".npz", arrays()[:-40], "one.npz cannot be used"),
        (".npz", arrays(values=np.array([Evil()] * 4)), "allow_pickle=False"),
        (".npz", arrays(values=np.array([np.nan] * 4, np.float32)), "must be finite"),
        (".npz", arrays(cells=np.zeros((6, 3), np.uint8)), "the shapes"),
        (".npz", zip_bomb(), "unpacks to 67,108,865 bytes, at most 67,108,864 are read"),
        (".npz", lying_shape(), "it cannot be read ("),
        (".npz", bytes(artifacts.LIMITS[".npz"] + 1), "one.npz has 16,777,217 bytes"),
        (".json", b"", "one.json cannot be used"),
        (".json", b"[" * 100_000, "one.json cannot be used"),
        (".json", b"[]", "it cannot be read (one.json was not written by"),
        (".json", b"{}", "it cannot be read (one.json was not written by"),
        (".json", b'{"subject": "image", "x": "\xff"}', "one.json cannot be used"),
        (".json", bytes(artifacts.LIMITS[".json"] + 1), "one.json has 1,048,577 bytes"),
        (".png", b"", "one.png cannot be used"),
        (".png", b"<html>", "one.png cannot be used"),
        (".png", jpeg(), "one.png cannot be used"),
        (".png", png()[:60], "one.png cannot be used"),
        (
            ".png",
            png(size=(20_000, 5_001), mode="1"),
            "one.png cannot be used (no picture: Image size (100020000 pixels)",
        ),
    ],
    ids=range(20),
)
def test_damaged_files_are_refused_and_the_others_stand(report, suffix, content, said):
    plant(report, suffix, content)
    found = problems(report)
    assert found[TWO] == ""
    assert found[ONE].startswith(f"{ONE} of B: ")
    assert said in found[ONE]
    assert found[ONE].endswith("run the suite again, or download its report folder again")
    assert not Path("pickle-was-run").exists()


def test_the_pickle_of_these_tests_would_have_been_seen():
    with np.load(BytesIO(arrays(values=np.array([Evil()]))), allow_pickle=True) as loaded:
        _ = loaded["values"]
    assert Path("pickle-was-run").exists()


def test_files_that_do_not_belong_together_are_refused(report):
    (report / f"pending/B/{ONE}.png").write_bytes(png())
    assert "one.png is not the file that one.json tells of" in problems(report)[ONE]


@pytest.mark.parametrize("suffix", [".npz", ".json", ".png"])
def test_an_incomplete_one_names_the_file_that_is_missing(report, suffix):
    (report / f"pending/B/{ONE}{suffix}").unlink()
    assert f"one{suffix} is missing, the artifact is incomplete" in problems(report)[ONE]
    assert problems(report)[TWO] == ""


@pytest.mark.parametrize("suffix", [".npz", ".json", ".png"])
def test_a_link_is_not_followed(report, tmp_path, suffix):
    path = report / f"pending/B/{ONE}{suffix}"
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    assert f"one{suffix} is a link or no file" in problems(report)[ONE]


def test_a_pipe_is_not_waited_for(report):
    path = report / f"pending/B/{ONE}.json"
    path.unlink()
    os.mkfifo(path)
    assert "one.json is a link or no file" in problems(report)[ONE]


@pytest.mark.parametrize("place", ["B/test_x", "B"])
def test_a_linked_folder_is_refused(report, tmp_path, place):
    folder = report / "pending" / place
    folder.rename(tmp_path / "elsewhere")
    folder.symlink_to(tmp_path / "elsewhere")
    (said,) = problems(report).values()
    assert "it is a link or no folder" in said


def test_pending_as_a_link_is_refused(report, tmp_path):
    (report / "pending").rename(tmp_path / "elsewhere")
    (report / "pending").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(GoldenError, match="it is a link or no folder"):
        PendingFolder(report).goldens()


@pytest.mark.parametrize(
    "place",
    ["B/test x/one.png", "B/test_x/a b.png", "B/test_x/one.exe", "a b/test_x/one.png", "B/x.png"],
)
def test_odd_names_are_refused_by_name(report, place):
    path = report / "pending" / place
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(png())
    odd = {id: said for id, said in problems(report).items() if id not in (ONE, TWO)}
    assert len(odd) == 1
    assert all(odd.values())
    assert problems(report)[ONE] == problems(report)[TWO] == ""


def test_what_starts_with_a_dot_is_nobodys(report):
    (report / "pending/B/test_x/.half.part").write_bytes(b"of a killed run")
    assert problems(report) == {ONE: "", TWO: ""}


def test_what_the_run_does_not_know_was_left_by_another(report, make_golden):
    pending_store(report, "B").save(make_golden("test_x/three"))
    assert "run.json knows nothing of it; another run left it" in problems(report)["test_x/three"]


def test_what_passed_was_left_by_another_run(report):
    content = json.loads((report / "run.json").read_text())
    content["records"][0]["verdict"] = "pass"
    change_run(report, **content)
    assert "run.json says pass; another run left it" in problems(report)[ONE]


def test_another_checkpoints_map_was_left_by_another_run(report, make_golden):
    golden = make_golden(ONE)
    other = replace(golden.provenance, fingerprint=MISSING_FINGERPRINT)
    pending_store(report, "B").save(replace(golden, provenance=other))
    said = "it was made by B (eeeeeeeeeeee), but B of this run is ffffffffffff; another run left it"
    assert said in problems(report)[ONE]


def test_no_report_is_said(tmp_path):
    with pytest.raises(GoldenError, match="is no report folder; give what --vlm-report named"):
        PendingFolder(tmp_path / "gone")


def test_an_archive_is_to_be_unpacked(tmp_path):
    (tmp_path / "report.zip").write_bytes(b"PK")
    with pytest.raises(GoldenError, match="is a file; unpack it and give the folder"):
        PendingFolder(tmp_path / "report.zip")


def test_a_run_that_did_not_end_is_refused(report):
    (report / "run.json").unlink()
    with pytest.raises(GoldenError, match=r"has no run\.json: its run did not end"):
        PendingFolder(report)


def test_the_folder_above_is_told_where_the_report_is(report):
    with pytest.raises(GoldenError, match=r"has no run\.json: did you mean .*report\?"):
        PendingFolder(report.parent)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{}",
        "[" * 100_000,
        '{"records": [{"kind": "GoldenRecord"}], "checkpoints": []}',
        '{"records": [{"kind": "GoldenRecord", "new field": 1}]}',
    ],
    ids=range(6),
)
def test_a_broken_run_is_refused(report, content):
    (report / "run.json").write_text(content)
    with pytest.raises(GoldenError, match=r"run\.json cannot be read .*run the suite again"):
        PendingFolder(report)


@pytest.mark.parametrize("field", ["candidate", "golden", "verdict", "sentence", "accept"])
def test_a_record_that_is_no_text_is_refused(report, field):
    content = json.loads((report / "run.json").read_text())
    content["records"][0][field] = 7
    change_run(report, **content)
    with pytest.raises(GoldenError, match=r"run\.json cannot be read"):
        PendingFolder(report)


@pytest.mark.parametrize("name", ["...decided", "....decided", ".one.decided"])
def test_marks_of_others_do_no_harm(report, name):
    (report / "pending/B/test_x" / name).mkdir()
    assert problems(report) == {ONE: "", TWO: ""}


def test_counts_and_numbers_without_a_limit_are_numbers(report):
    content = json.loads((report / "run.json").read_text())
    content["records"][0]["measures"] += [
        {"name": "pixels", "value": 1746, "limit": 0, "better": "lower"},
        {"name": "scale ratio", "value": 1.5, "limit": None, "better": "lower"},
    ]
    change_run(report, **content)
    assert problems(report) == {ONE: "", TWO: ""}


@pytest.mark.parametrize("field", ["value", "limit"])
def test_a_measure_that_is_no_number_is_refused(report, field):
    content = json.loads((report / "run.json").read_text())
    content["records"][0]["measures"][0][field] = "high"
    change_run(report, **content)
    with pytest.raises(GoldenError, match=r"run\.json cannot be read"):
        PendingFolder(report)


def test_a_picture_in_the_place_of_a_map_is_refused(report, make_golden):
    pending_store(report, "B").save(make_golden(ONE, heatmap=None))
    assert "it is of an image, the run's is of a map" in problems(report)[ONE]


def test_a_picture_is_read_without_a_map(report, make_golden):
    content = json.loads((report / "run.json").read_text())
    content["records"][0]["subject"] = "image"
    change_run(report, **content)
    pending_store(report, "B").save(make_golden(ONE, heatmap=None))
    assert not (report / f"pending/B/{ONE}.npz").exists()
    assert problems(report) == {ONE: "", TWO: ""}


def test_a_variant_is_not_pending(report, make_golden):
    pending_store(report, "B").save(make_golden(f"{ONE}~cpu-float32"))
    assert "that is no name for a golden" in problems(report)[f"{ONE}~cpu-float32"]


def test_the_run_is_told_on_one_short_line(report):
    assert PendingFolder(report).origin.told == "2026-11-21T12:00:00+00:00 pytest suites"
    change_run(report, command="pytest \n suites " + "--checkpoint B=b " * 100)
    told = PendingFolder(report).origin.told
    assert told.startswith("2026-11-21T12:00:00+00:00 pytest suites --checkpoint B=b")
    assert len(told) <= 400


def test_a_dropped_one_is_gone(report):
    folder = PendingFolder(report)
    folder.drop(folder.goldens()[0])
    assert [one.id for one in folder.goldens()] == [TWO]
    assert not list(report.rglob("*one*"))


@pytest.mark.parametrize("kept", [(".npz", ".png"), (".png",), ()])
def test_an_interrupted_removal_is_finished(report, kept):
    path = report / "pending/B" / ONE
    path.with_suffix(".json").rename(path.with_name(".one.decided"))
    for suffix in {".npz", ".png"} - set(kept):
        path.with_suffix(suffix).unlink()
    assert problems(report) == {TWO: ""}
    assert not list(report.rglob("*one*"))


def test_an_interrupted_removal_hides_nothing_that_a_later_run_left(report):
    (report / "pending/B/test_x/.one.decided").write_text("")
    assert problems(report) == {ONE: "", TWO: ""}
    folder = PendingFolder(report)
    folder.drop(folder.goldens()[0])
    assert problems(report) == {TWO: ""}


def test_reading_loads_no_model(report):
    import subprocess

    command = (
        "import sys; from pathlib import Path;"
        "from pytest_vlm.golden.accepting.pending import PendingFolder;"
        f"folder = PendingFolder(Path({str(report)!r}));"
        "[folder.load(one) for one in folder.goldens()];"
        "assert not {'torch', 'transformers', 'gradio', 'pytest'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", command], check=True)


def test_a_golden_that_two_tests_checked_is_nobodys(report):
    content = json.loads((report / "run.json").read_text())
    (first, *_) = [one for one in content["records"] if one["golden"] == ONE]
    again = first | {"test": "suites/test_x.py::test[other]"}
    change_run(report, records=[*content["records"], again, first])
    found = problems(report)
    assert "test_x.py::test and suites/test_x.py::test[other] both checked it" in found[ONE]
    assert found[TWO] == ""
