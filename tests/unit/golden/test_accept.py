"""Accepting what a run left pending."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from pytest_vlm.__main__ import main
from pytest_vlm.errors import GoldenError
from pytest_vlm.golden.accept import accept_goldens, pending_goldens, pending_store
from pytest_vlm.golden.store import GoldenStore

ONE, TWO = "test_x/one", "test_x/two"


@pytest.fixture
def report(tmp_path, make_golden):
    for id in (ONE, TWO):
        pending_store(tmp_path / "report", "B").save(make_golden(id))
    return tmp_path / "report"


@pytest.fixture
def two_candidates(report, make_golden):
    pending_store(report, "C").save(make_golden(ONE, picture=b"of C"))
    return report


@pytest.fixture
def accepted(tmp_path) -> GoldenStore:
    return GoldenStore(tmp_path / "goldens")


def test_accepts_one_and_leaves_the_other_pending(report, accepted):
    accept_goldens(report, accepted.folder, candidate="B", ids=[ONE], reason="looked at it")
    assert accepted.ids() == [ONE]
    assert pending_goldens(report) == {"B": [TWO]}
    assert not list((report / "pending").rglob("one.*"))


def test_keeps_map_picture_and_origin_and_adds_when_and_why(report, accepted, make_golden):
    accept_goldens(report, accepted.folder, candidate="B", ids=[ONE], reason="new resolution")
    golden = accepted.load(ONE)
    assert golden is not None
    assert golden.picture == make_golden().picture
    assert golden.heatmap.values.tolist() == make_golden().heatmap.values.tolist()
    assert golden.provenance.reason == "new resolution"
    assert golden.provenance.checkpoint == "B"
    age = datetime.now(UTC) - datetime.fromisoformat(golden.provenance.accepted)
    assert 0 <= age.total_seconds() < 3600


def test_replaces_the_golden_that_was(report, accepted, make_golden):
    accepted.save(make_golden(ONE, picture=b"old"))
    accept_goldens(report, accepted.folder, candidate="B", ids=[ONE], reason="")
    golden = accepted.load(ONE)
    assert golden is not None
    assert golden.picture != b"old"


@pytest.mark.parametrize("unknown", ["test_x/three", "test_z/one"])
def test_an_unknown_id_accepts_nothing(report, accepted, unknown):
    with pytest.raises(
        GoldenError, match=f"{unknown} is not pending for B; pending are: {ONE}, {TWO}"
    ):
        accept_goldens(report, accepted.folder, candidate="B", ids=[ONE, unknown], reason="")
    assert accepted.ids() == []
    assert pending_goldens(report) == {"B": [ONE, TWO]}


def test_no_report_is_said(tmp_path):
    with pytest.raises(GoldenError, match="is no report folder; give what --vlm-report named"):
        pending_goldens(tmp_path / "gone")


def test_command_lists_what_is_pending(report, accepted, capsys):
    assert main(["accept", str(report), "--goldens", str(accepted.folder)]) == 0
    assert capsys.readouterr().out.split() == ["B:", ONE, TWO]
    assert accepted.ids() == []


def test_command_accepts_by_id_with_a_reason(report, accepted, capsys):
    goldens = str(accepted.folder)
    assert main(["accept", str(report), ONE, "--goldens", goldens, "--reason", "better"]) == 0
    assert capsys.readouterr().out == f"accepted {goldens}/{ONE}\n"
    golden = accepted.load(ONE)
    assert golden is not None
    assert golden.provenance.reason == "better"
    assert pending_goldens(report) == {"B": [TWO]}


def test_command_accepts_all_then_has_nothing_left(report, accepted, capsys):
    arguments = ["accept", str(report), "--all", "--goldens", str(accepted.folder)]
    assert main(arguments) == 0
    assert accepted.ids() == [ONE, TWO]
    capsys.readouterr()
    assert main(arguments) == 2
    assert capsys.readouterr().out == f"nothing is pending in {report}\n"


@pytest.mark.parametrize("ids", [["test_x/three"], ["../one"], [ONE, "nonsense"]])
def test_command_says_what_is_wrong_and_changes_nothing(report, accepted, capsys, ids):
    assert main(["accept", str(report), *ids, "--goldens", str(accepted.folder)]) == 2
    assert capsys.readouterr().err.startswith("error: ")
    assert accepted.ids() == []
    assert pending_goldens(report) == {"B": [ONE, TWO]}


def test_command_without_a_report(tmp_path, capsys):
    assert main(["accept", str(tmp_path / "gone")]) == 2
    assert "is no report folder" in capsys.readouterr().err


def test_a_candidates_maps_are_its_own(two_candidates, accepted):
    accept_goldens(two_candidates, accepted.folder, candidate="C", ids=[ONE], reason="")
    golden = accepted.load(ONE)
    assert golden is not None
    assert golden.picture == b"of C"
    assert pending_goldens(two_candidates) == {"B": [ONE, TWO]}


@pytest.mark.parametrize("what", [["--all"], [ONE]])
def test_command_asks_whose_maps_where_several_are_pending(two_candidates, accepted, capsys, what):
    arguments = ["accept", str(two_candidates), *what, "--goldens", str(accepted.folder)]
    assert main(arguments) == 2
    assert "add --candidate" in capsys.readouterr().err
    assert accepted.ids() == []
    assert main([*arguments, "--candidate", "C"]) == 0
    assert accepted.ids() == [ONE]


@pytest.mark.parametrize("what", [["--all"], [ONE]])
def test_command_refuses_a_candidate_that_has_nothing_pending(report, accepted, capsys, what):
    arguments = ["accept", str(report), *what, "--goldens", str(accepted.folder)]
    assert main([*arguments, "--candidate", "Z"]) == 2
    assert "Z" in capsys.readouterr().err
    assert accepted.ids() == []
