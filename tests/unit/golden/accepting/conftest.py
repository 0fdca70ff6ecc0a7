"""A run's report folder with pending goldens, as a run leaves it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from pytest_vlm.golden.accepting.accept import accept_command
from pytest_vlm.golden.accepting.pending import pending_store
from pytest_vlm.golden.storage.store import GoldenStore
from pytest_vlm.report.model import CheckpointSummary, GoldenMeasure, GoldenRecord, RunReport

ONE, TWO = "test_x/one", "test_x/two"
MakeReport = Callable[..., Path]


@pytest.fixture(autouse=True)
def nobody_else(tmp_path, monkeypatch):
    """Neither this machine's git settings nor its CI take part."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "gitconfig"))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    (tmp_path / "gitconfig").write_text("[user]\n  name = Ada\n  email = ada@example.org\n")


@pytest.fixture
def make_report(tmp_path, make_golden) -> MakeReport:
    """``make_report(B=[ids], C=[ids])``: candidate to pending goldens."""

    def make(goldens: Path = Path("goldens"), **pending: list[str]) -> Path:
        report = tmp_path / "report"
        records = []
        for candidate, ids in pending.items():
            for id in ids:
                golden = make_golden(id)
                origin = replace(golden.provenance, checkpoint=candidate)
                pending_store(report, candidate).save(replace(golden, provenance=origin))
                records.append(
                    GoldenRecord(
                        test="suites/test_x.py::test",
                        candidate=candidate,
                        golden=id,
                        verdict="fail",
                        sentence="Not the accepted map: correlation 0.9412, 0.994 is needed.",
                        measures=(GoldenMeasure(name="correlation", value=0.9412, limit=0.994),),
                        accept=accept_command(report, candidate, id, goldens),
                    )
                )
        run = RunReport(
            command="pytest suites",
            created="2026-11-21T12:00:00+00:00",
            samples="3 samples",
            versions={},
            checkpoints=tuple(
                CheckpointSummary(name=name, source=name, fingerprint="f" * 32) for name in pending
            ),
            verdicts=(),
            records=tuple(records),
        )
        report.mkdir(exist_ok=True)
        (report / "run.json").write_text(json.dumps(run.to_json()))
        return report

    return make


@pytest.fixture
def report(make_report) -> Path:
    return make_report(B=[ONE, TWO])


@pytest.fixture
def accepted(tmp_path) -> GoldenStore:
    return GoldenStore(tmp_path / "goldens")
