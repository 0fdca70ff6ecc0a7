"""The run that left pending goldens, as its ``run.json`` tells of it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import shorten
from typing import Any

from pytest_vlm.errors import GoldenError
from pytest_vlm.golden.accepting.artifacts import AGAIN, UNREADABLE, read_plain
from pytest_vlm.report.model import GoldenRecord, load_record

RUN = "run.json"
LIMIT = 256 * 2**20


@dataclass(frozen=True, kw_only=True)
class Origin:
    """What a run says about itself and its goldens.

    Attributes:
        created: UTC date and time.
        records: (candidate, golden) to what was found.
        shared: (candidate, golden) to why nobody knows whose it is: two tests checked it.
        fingerprints: checkpoint to the fingerprint of its files.
    """

    command: str
    created: str
    records: Mapping[tuple[str, str], GoldenRecord]
    shared: Mapping[tuple[str, str], str]
    fingerprints: Mapping[str, str]

    @property
    def told(self) -> str:
        """Date and command, on one line that is not longer than a golden's provenance may be."""
        return shorten(f"{self.created} {self.command}", 400, placeholder=" ...")

    @classmethod
    def read(cls, report: Path) -> Origin:
        """Read a report folder.

        Raises:
            GoldenError: the folder is no run's report, or its run did not end.
        """
        if report.is_file():
            raise GoldenError(f"{report} is a file; unpack it and give the folder")
        if not report.is_dir():
            raise GoldenError(f"{report} is no report folder; give what --vlm-report named")
        path = report / RUN
        if not path.exists():
            inside = sorted(path.parent for path in report.glob(f"*/{RUN}"))
            why = f"its run did not end, or it is no report folder; {AGAIN}"
            hint = f"did you mean {inside[0]}?" if inside else why
            raise GoldenError(f"{report} has no {RUN}: {hint}")
        try:
            content = json.loads(read_plain(path, LIMIT))
            found = [_record(one) for one in content["records"] if one["kind"] == "GoldenRecord"]
            return cls(
                command=str(content["command"]),
                created=str(content["created"]),
                records={(record.candidate, record.golden): record for record in found},
                shared=_shared(found),
                fingerprints={
                    str(one["name"]): str(one["fingerprint"]) for one in content["checkpoints"]
                },
            )
        except UNREADABLE as error:
            raise GoldenError(
                f"{path} cannot be read ({type(error).__name__}: {error}); {AGAIN}"
            ) from error


def _shared(records: Sequence[GoldenRecord]) -> dict[tuple[str, str], str]:
    tests: dict[tuple[str, str], dict[str, None]] = {}
    for record in records:
        tests.setdefault((record.candidate, record.golden), {})[record.test] = None
    return {
        golden: f"{' and '.join(names)} both checked it, and only one of them left this; rename "
        "one, or give its golden another name"
        for golden, names in tests.items()
        if len(names) > 1
    }


def _record(content: dict[str, Any]) -> GoldenRecord:
    record = load_record(json.dumps(content))
    assert isinstance(record, GoldenRecord)
    texts = (
        record.test,
        record.candidate,
        record.golden,
        record.verdict,
        record.sentence,
        record.evidence,
    )
    if not all(isinstance(text, str) for text in (*texts, record.accept)):
        raise TypeError(f"the record of {record.golden!r} holds no text")
    for measure in record.measures:
        limited = measure.limit is None or isinstance(measure.limit, float | int)
        if not (limited and isinstance(measure.value, float | int)):
            raise TypeError(f"the record of {record.golden!r} holds no number")
    return record
