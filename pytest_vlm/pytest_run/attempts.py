"""A run in the ledger, and what it says of earlier runs on the same samples."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pytest_vlm.cache.folder import default_folder
from pytest_vlm.evaluation.dataset_digest import dataset_digest
from pytest_vlm.pytest_run.ledger import FILE, Attempt, Ledger
from pytest_vlm.report.model import CandidateVerdict, EventRecord

if TYPE_CHECKING:
    from pytest_vlm.session import Session


def note_attempts(
    session: Session, verdicts: Sequence[CandidateVerdict]
) -> tuple[dict[str, Any], ...]:
    """Note each candidate's verdict, and give every attempt on the session's samples so far.

    Empty where nothing is kept, or without samples.
    """
    settings = session.settings
    if settings.no_cache or settings.samples is None:
        return ()
    ledger = Ledger(
        (settings.cache_dir or default_folder(os.environ)) / FILE,
        lambda what: session.record(EventRecord(checkpoint="", event=what)),
    )
    samples, now = session.samples, datetime.now(UTC).isoformat(timespec="seconds")
    dataset = dataset_digest(samples)
    prints = {spec.name: session.fingerprint(spec) for spec in session.checkpoints}
    ledger.note(
        *(
            Attempt(
                when=now,
                dataset=dataset,
                samples=len(samples),
                baseline=prints[verdict.baseline],
                candidate=prints[verdict.candidate],
                candidate_name=verdict.candidate,
                verdict=verdict.verdict,
            )
            for verdict in verdicts
        )
    )
    return tuple(asdict(attempt) for attempt in ledger.attempts(dataset))
