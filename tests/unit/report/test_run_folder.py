"""A run's folder is made anew; what was there before and is not ours stays."""

from __future__ import annotations

import pytest

from pytest_vlm.gate.plan import PlannedTest
from pytest_vlm.report.run_folder import RunFolder


def leave(folder) -> None:
    for name in ("evidence/old/flips.json", "pending/B/test/one.npz", "run.json", "notes.txt"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("old")


def kept(folder) -> set[str]:
    return {path.name for path in folder.rglob("*") if path.is_file()} - {".gitignore"}


def test_what_an_earlier_run_left_is_gone_also_when_it_was_killed(tmp_path):
    folder = RunFolder(tmp_path / "report")
    folder.prepare()
    leave(folder.path)
    (folder.path / "run.json").unlink()
    RunFolder(folder.path).prepare()
    assert kept(folder.path) == {"notes.txt"}


def test_a_folder_that_was_there_before_keeps_its_own(tmp_path):
    leave(tmp_path)
    RunFolder(tmp_path).prepare()
    assert kept(tmp_path) == {"flips.json", "one.npz", "notes.txt"}


def test_a_folder_made_here_stays_out_of_version_control(tmp_path):
    RunFolder(tmp_path / "report").prepare()
    assert (tmp_path / "report/.gitignore").read_text().endswith("*\n")


def test_a_plan_is_taken_once(tmp_path):
    planned = [PlannedTest(test="t[B]", checkpoint="B", claims=1)]
    folder = RunFolder(tmp_path)
    folder.leave_plan(planned, 2, "gw0")
    assert folder.take_plan() == (planned, 2)
    assert folder.take_plan() == ([], 0)


def test_a_file_in_its_place_is_an_error(tmp_path):
    (tmp_path / "report").write_text("a file")
    with pytest.raises(OSError, match="report"):
        RunFolder(tmp_path / "report").prepare()
