"""The report as HTML: a section that other pages can hold, and a page of its own."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TypeVar

from pytest_vlm.report.html_goldens import goldens_part
from pytest_vlm.report.html_markup import Html, el, join
from pytest_vlm.report.html_pictures import flips_part
from pytest_vlm.report.html_tables import (
    absences_part,
    again_part,
    checkpoints_part,
    events_part,
    memory_part,
    speed_part,
)
from pytest_vlm.report.html_verdicts import claims_part, opening
from pytest_vlm.report.model import (
    AbsenceRecord,
    ClaimRecord,
    EventRecord,
    GoldenRecord,
    MemoryRecord,
    Record,
    RunReport,
    SpeedRecord,
)

PAGE_STYLE = ("html_page.css",)
SECTION_STYLE = ("html.css", "html_goldens.css")
SCRIPT = ("goldens.js",)

Kind = TypeVar("Kind", bound=Record)


def render_section(report: RunReport, folder: Path) -> str:
    """The whole report as one ``<section class="vlm-report">`` with its own style, without scripts.

    Args:
        report: what the run found.
        folder: the run's folder; pictures below it are embedded, so that the section stands alone.
    """
    claims = _of(report.records, ClaimRecord)
    evidence = dict.fromkeys(claim.evidence for claim in claims if claim.evidence)
    flips = {path: f"vlm-flips-{number}" for number, path in enumerate(evidence, start=1)}
    return el(
        "section",
        el("style", Html(_text(*SECTION_STYLE))),
        opening(report),
        claims_part(claims, flips),
        goldens_part(report, folder),
        flips_part(claims, flips, folder),
        memory_part(_of(report.records, MemoryRecord)),
        speed_part(_of(report.records, SpeedRecord)),
        absences_part(_of(report.records, AbsenceRecord)),
        events_part(_of(report.records, EventRecord)),
        checkpoints_part(report),
        again_part(report.command, report.versions),
        class_="vlm-report",
        lang="en",
    )


def render_page(report: RunReport, folder: Path) -> str:
    """A document that opens from a file without network.

    Its Content-Security-Policy lets in nothing but embedded pictures, the report's own style sheets
    and, where there are goldens to review, its own script, all by their digests: text of a model
    that got through the escaping still could not run or load.
    """
    goldens = _of(report.records, GoldenRecord)
    script = _text(*SCRIPT) if any(golden.verdict != "pass" for golden in goldens) else ""
    decided = ", ".join(f"{verdict.verdict} {verdict.candidate}" for verdict in report.verdicts)
    head = el(
        "head",
        el("meta", charset="utf-8"),
        el("meta", http_equiv="Content-Security-Policy", content=_policy(script)),
        el("meta", name="viewport", content="width=device-width, initial-scale=1"),
        el("meta", name="referrer", content="no-referrer"),
        el("title", f"{decided} - pytest-vlm" if decided else "pytest-vlm"),
        el("style", Html(_text(*PAGE_STYLE))),
    )
    body = el(
        "body",
        el("main", Html(render_section(report, folder))),
        el("script", Html(script)) if script else "",
    )
    return join((Html("<!doctype html>\n"), el("html", head, body, lang="en"), "\n"))


def _of(records: Sequence[Record], kind: type[Kind]) -> list[Kind]:
    return [record for record in records if isinstance(record, kind)]


@cache
def _text(*names: str) -> str:
    """Files of the report, one after the other."""
    folder = files("pytest_vlm.report")
    return "".join(folder.joinpath(name).read_text("utf-8") for name in names)


def _policy(script: str) -> str:
    styles = f"style-src {_digest(_text(*PAGE_STYLE))} {_digest(_text(*SECTION_STYLE))}; "
    scripts = f"script-src {_digest(script)}; " if script else ""
    return (
        f"default-src 'none'; img-src data:; {styles}{scripts}base-uri 'none'; form-action 'none'"
    )


def _digest(text: str) -> str:
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return f"'sha256-{digest}'"
