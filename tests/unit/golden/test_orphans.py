"""Orphans among the files of a folder of goldens."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pytest_vlm.gate.plan import TestOutcome
from pytest_vlm.golden.orphans import find_orphans
from pytest_vlm.golden.storage.store import GoldenStore


@pytest.fixture
def goldens(tmp_path, make_golden, provenance):
    store = GoldenStore(tmp_path / "goldens")
    (tmp_path / "suites/inner").mkdir(parents=True)
    (tmp_path / "other").mkdir()
    (tmp_path / "suites/test_x.py").touch()
    for id, test in (
        ("test_x.test_gone/one", "suites/test_x.py::test_gone"),
        ("test_x.test_gone/one~cuda-float16", "suites/test_x.py::test_gone"),
        ("test_z.test_z/one", "other/test_z.py::test_z"),
    ):
        store.save(make_golden(id, provenance=replace(provenance, test=test)))
    return store.folder


def found(goldens, *asked: str) -> str:
    return find_orphans(
        goldens,
        planned=[],
        outcomes=[TestOutcome(test="suites/test_y.py::test_y", outcome="passed")],
        records=[],
        root=goldens.parent,
        asked=[goldens.parent / one for one in asked],
    )


def test_goldens_of_the_folders_asked_for_are_told_with_all_their_files(goldens):
    told = found(goldens, "suites")
    assert "an accepted golden that" in told
    assert told.count("/test_x.test_gone/one") == 6
    assert "~cuda-float16" in told
    assert "test_z" not in told
    assert "2 accepted goldens" in found(goldens, "suites", "other")
    assert "2 accepted goldens" in found(goldens, ".")


@pytest.mark.parametrize("asked", ["suites/test_x.py", "suites/inner", "suites/gone"])
def test_a_path_that_is_only_a_part_tells_nothing(goldens, asked):
    assert found(goldens, asked) == ""
    assert not asked.endswith(".py") or found(goldens, asked, "suites") == ""


def test_damaged_goldens_are_none(goldens):
    (goldens / "test_z.test_z/one.json").write_text("{")
    assert "an accepted golden that" in found(goldens, ".")
