"""The verdict as lines for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from pytest_vlm.gate.goldens import ORPHANED
from pytest_vlm.memory.size import format_size
from pytest_vlm.paths import readable
from pytest_vlm.report.family import family_sentence
from pytest_vlm.report.model import ANSWERING, EventRecord, MemoryRecord, RunReport, SpeedRecord
from pytest_vlm.report.reuse import reuse

Line = tuple[str, Mapping[str, bool]]
COLOURS: Mapping[str, Mapping[str, bool]] = {
    "SHIP": {"green": True, "bold": True},
    "HOLD": {"red": True, "bold": True},
    "INCONCLUSIVE": {"yellow": True, "bold": True},
    "PARTIAL": {"cyan": True, "bold": True},
}


def summary_lines(report: RunReport, folder: Path) -> Iterator[Line]:
    """One verdict a candidate with its numbers, then what was measured and where to look."""
    for verdict in report.verdicts:
        head = f"{verdict.verdict}  {verdict.candidate} against {verdict.baseline}"
        yield head, COLOURS[verdict.verdict]
        for reason in verdict.reasons:
            yield f"  {reason}", {}
        for fact in verdict.shown:
            yield f"  shown: {fact}", {"light": True} if verdict.reasons else {}
        for gap in verdict.not_claimed:
            yield f"  not claimed: {gap}", {"yellow": True}
    for family in dict.fromkeys(family_sentence(verdict.family) for verdict in report.verdicts):
        if family:
            yield f"  {family}", {"light": True}
    if reused := reuse(report):
        yield f"  {reused}", {"yellow": True}
    events = [record.event for record in report.records if isinstance(record, EventRecord)]
    for event in events:
        if ORPHANED in event:
            yield f"  {event}", {"yellow": True}
    for record in _measured(report):
        yield f"  {record}", {}
    yield f"report: {readable(folder / 'index.html')}", {}


def _measured(report: RunReport) -> Iterator[str]:
    for checkpoint in report.checkpoints:
        speeds = [
            r
            for r in report.records
            if isinstance(r, SpeedRecord) and r.checkpoint == checkpoint.name
        ]
        memory = [
            r
            for r in report.records
            if isinstance(r, MemoryRecord)
            and (r.checkpoint, r.measure) == (checkpoint.name, "peak")
        ]
        guarded = [r for r in memory if r.test != ANSWERING]
        samples, seconds = sum(r.samples for r in speeds), sum(r.seconds for r in speeds)
        reused = sum(r.reused for r in speeds)
        if reused:
            yield f"{checkpoint.name}: {reused} answers known from earlier runs"
        if not samples:
            continue
        peaks = [r.bytes for r in guarded or memory if r.bytes is not None]
        peak = f"peak {format_size(max(peaks))}" if peaks else "memory not measured"
        rate = f"{samples / seconds:.0f} samples/s" if seconds > 0 else "speed not measured"
        yield f"{checkpoint.name}: {rate}, {peak}"
