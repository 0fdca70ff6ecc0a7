"""Accepting what a run left pending."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pytest_vlm.errors import GoldenError
from pytest_vlm.golden.accepting.accept import accept, accept_command, goldens_of
from pytest_vlm.golden.accepting.pending import PendingFolder
from pytest_vlm.golden.accepting.signature import Signature
from pytest_vlm.golden.golden import Replaced

ONE, TWO = "test_x/one", "test_x/two"


def waiting(report) -> list[str]:
    return [one.id for one in PendingFolder(report).goldens()]


def accept_one(report, accepted, id=ONE, why=""):
    folder = PendingFolder(report)
    (chosen,) = [one for one in folder.goldens() if one.id == id]
    return accept(folder, chosen, accepted.folder, Signature.now(why=why))


def test_accepts_one_and_leaves_the_other_pending(report, accepted):
    accept_one(report, accepted)
    assert accepted.ids() == [ONE]
    assert waiting(report) == [TWO]
    assert not list((report / "pending").rglob("*one*"))


def test_keeps_map_picture_and_origin_and_adds_who_when_and_why(report, accepted, make_golden):
    accept_one(report, accepted, why="new\n resolution")
    golden = accepted.load(ONE)
    assert golden is not None
    assert golden.picture == make_golden().picture
    assert golden.heatmap.values.tolist() == make_golden().heatmap.values.tolist()
    assert golden.provenance.reason == "new resolution"
    assert golden.provenance.checkpoint == "B"
    assert golden.provenance.accepted_by == "Ada <ada@example.org>"
    age = datetime.now(UTC) - datetime.fromisoformat(golden.provenance.accepted)
    assert 0 <= age.total_seconds() < 3600


def test_replaces_the_golden_that_was_and_says_which(
    report, accepted, make_golden, heatmap, picture
):
    origin = replace(make_golden().provenance, accepted="2026-11-20T00:00:00+00:00")
    other = replace(heatmap, values=heatmap.values[::-1].copy())
    before = make_golden(ONE, heatmap=other, picture=picture(seed=1), provenance=origin)
    accepted.save(before)
    accept_one(report, accepted)
    golden = accepted.load(ONE)
    assert golden is not None
    assert golden.picture == picture()
    assert golden.provenance.replaced == Replaced(digest=before.digest, accepted=origin.accepted)


def test_another_device_is_put_beside(report, accepted, make_golden):
    origin = replace(make_golden().provenance, device="cuda:0", dtype="bfloat16")
    accepted.save(make_golden(ONE, provenance=origin))
    assert accept_one(report, accepted).id == f"{ONE}~cpu-float32"
    assert accepted.variants(ONE) == [ONE, f"{ONE}~cpu-float32"]


def test_a_damaged_golden_is_not_replaced_unseen(report, accepted, make_golden):
    accepted.save(make_golden(ONE))
    (accepted.folder / f"{ONE}.npz").write_bytes(b"damaged")
    with pytest.raises(GoldenError, match=r"restore it from version control, or delete its files"):
        accept_one(report, accepted)
    assert waiting(report) == [ONE, TWO]


def test_a_report_that_cannot_be_written_to_stays_as_it_is(report, accepted, monkeypatch):
    def refuse(*_: object) -> None:
        raise GoldenError("it cannot be removed")

    monkeypatch.setattr(PendingFolder, "drop", refuse)
    accept_one(report, accepted)
    accept_one(report, accepted)
    assert accepted.ids() == [ONE]
    assert waiting(report) == [ONE, TWO]


def test_what_an_interrupted_command_accepted_keeps_its_signature(report, accepted, monkeypatch):
    with monkeypatch.context() as interrupted:
        interrupted.setattr(PendingFolder, "drop", lambda *_: None)
        accept_one(report, accepted, why="first")
    accept_one(report, accepted, why="second")
    golden = accepted.load(ONE)
    assert golden is not None
    assert golden.provenance.reason == "first"
    assert waiting(report) == [TWO]


def test_the_same_map_of_another_run_is_signed_anew(report, accepted, make_golden):
    origin = replace(make_golden().provenance, fingerprint="e" * 32, reason="first")
    accepted.save(make_golden(ONE, provenance=origin))
    accept_one(report, accepted, why="second")
    golden = accepted.load(ONE)
    assert golden is not None
    assert golden.provenance.reason == "second"


@pytest.mark.parametrize("goldens", ["goldens", "/else where/goldens", "b/c"])
def test_the_command_says_where_the_goldens_are(goldens):
    command = accept_command(Path("vlm-report"), "B", ONE, Path(goldens))
    assert goldens_of(command) == ("" if goldens == "goldens" else goldens)


@pytest.mark.parametrize("command", ["", "accept --goldens", 'accept "'])
def test_a_broken_command_says_nothing_of_goldens(command):
    assert goldens_of(command) == ""


def test_a_refused_one_changes_nothing(report, accepted):
    (report / f"pending/B/{ONE}.npz").write_bytes(b"damaged")
    with pytest.raises(GoldenError, match=r"test_x/one of B: one\.npz cannot be used"):
        accept_one(report, accepted)
    assert accepted.ids() == []
    assert waiting(report) == [ONE, TWO]
