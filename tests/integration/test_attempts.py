"""What the ledger says of a run reaches its report."""

from __future__ import annotations

from pathlib import Path

from pytest_vlm.pytest_run.ledger import FILE


def gate(project, cache: Path, name: str):
    options = (f"--vlm-cache-dir={cache}",)
    project.gate("A=A.json", f"{name}={name}.json", options=options)
    return project.report()


def test_every_candidate_on_the_same_samples_is_counted(project, suite, tmp_path):
    suite()
    project.samples(100)
    for number, name in enumerate(("A", "B", "C")):
        project.checkpoint(name, accuracy=0.9, seed=number)
    assert len(gate(project, tmp_path, "B")["attempts"]) == 1
    names = [attempt["candidate_name"] for attempt in gate(project, tmp_path, "C")["attempts"]]
    assert names == ["B", "C"]


def test_a_damaged_ledger_is_told_in_the_report(project, suite, tmp_path):
    suite()
    project.samples(100)
    project.checkpoint("A", accuracy=0.9)
    project.checkpoint("B", accuracy=0.8)
    (tmp_path / FILE).write_bytes(b"no database" * 500)
    events = [
        record["event"] for record in gate(project, tmp_path, "B")["records"] if "event" in record
    ]
    assert any("the ledger of attempts was damaged" in event for event in events)
