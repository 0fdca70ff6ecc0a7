"""The lower part of the report: memory, speed, what was not claimed, and how to run it again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePath

from pytest_vlm.memory.size import format_size
from pytest_vlm.report.html_markup import Html, badge, clip, el, part, said, table
from pytest_vlm.report.html_memory import memory_figure
from pytest_vlm.report.model import (
    AbsenceRecord,
    CheckpointSummary,
    EventRecord,
    MemoryRecord,
    RunReport,
    SpeedRecord,
)

FINGERPRINT = 12
UNKNOWN = "\N{EN DASH}"


def memory_part(records: Sequence[MemoryRecord]) -> Html:
    """What each test took; what could not be measured says so, what took too much is drawn."""
    rows = [
        (
            clip(record.test),
            said(record.checkpoint),
            said(record.device),
            record.measure,
            "not measured" if record.bytes is None else format_size(record.bytes),
            "none" if record.limit is None else format_size(record.limit),
            _within(record),
        )
        for record in records
    ]
    headings = ("test", "checkpoint", "device", "measure", "bytes", "limit", "verdict")
    if not rows:
        return Html("")
    pictures = map(memory_figure, (record for record in records if not record.within))
    figures = table(headings, rows, numeric=("bytes", "limit"))
    return part("vlm-memory", "Memory", figures, *pictures)


def speed_part(records: Sequence[SpeedRecord]) -> Html:
    """Every evaluation of one checkpoint as one row."""
    rows = [_speed([r for r in records if r.checkpoint == name]) for name in _names(records)]
    headings = (
        "checkpoint",
        "answered",
        "known before",
        "samples/s",
        "tokens/s",
        "mean visual tokens",
    )
    return _tabled("vlm-speed", "Speed", headings, rows, headings[1:], "Reported, not gated.")


def absences_part(records: Iterable[AbsenceRecord]) -> Html:
    """Claims that were not made, and why."""
    rows = [
        (clip(r.test), said(r.checkpoint), el("span", r.reason, class_="said")) for r in records
    ]
    return _tabled("vlm-absent", "Not claimed", ("test", "checkpoint", "reason"), rows)


def events_part(records: Iterable[EventRecord]) -> Html:
    """What happened on the way."""
    rows = [(said(r.checkpoint), el("span", r.event, class_="said")) for r in records]
    return _tabled("vlm-events", "Events", ("checkpoint", "event"), rows)


def checkpoints_part(report: RunReport) -> Html:
    """Who was compared, from their files."""
    candidates = {verdict.candidate for verdict in report.verdicts}
    baselines = {verdict.baseline for verdict in report.verdicts}
    roles = dict.fromkeys(candidates, "candidate") | dict.fromkeys(baselines, "baseline")
    rows = [_checkpoint(one, roles.get(one.name, "")) for one in report.checkpoints]
    headings = (
        "name",
        "role",
        "source",
        "architecture",
        "parameters",
        "size",
        "types",
        "fingerprint",
    )
    return _tabled("vlm-checkpoints", "Checkpoints", headings, rows, ("parameters", "size"))


def again_part(command: str, versions: Mapping[str, str]) -> Html:
    """The command line, and what it ran with."""
    if not command and not versions:
        return Html("")
    words = [
        el("li", said(name), " ", el("b", said(version))) for name, version in versions.items()
    ]
    return part(
        "vlm-again",
        "Run it again",
        el("p", el("code", command, class_="command")) if command else "",
        el("ul", *words, class_="versions") if words else "",
    )


def _tabled(
    anchor: str,
    title: str,
    headings: Sequence[str],
    rows: Sequence[Sequence[object]],
    numeric: Sequence[str] = (),
    remark: str = "",
) -> Html:
    if not rows:
        return Html("")
    below = el("p", remark, class_="soft") if remark else ""
    return part(anchor, title, below, table(headings, rows, numeric=numeric))


def _within(record: MemoryRecord) -> Html:
    if record.limit is None:
        return badge("no limit")
    if record.bytes is None:
        return badge("not shown")
    if record.kept and record.bytes <= record.limit:
        return badge("over", "kept a model")
    share = f" ({100 * record.bytes / record.limit:.0f}\N{NO-BREAK SPACE}%)" if record.limit else ""
    return badge("within" if record.within else "over", f"{_limit_words(record.within)}{share}")


def _limit_words(within: bool) -> str:
    return "within" if within else "over the limit"


def _names(records: Iterable[SpeedRecord]) -> list[str]:
    return list(dict.fromkeys(record.checkpoint for record in records))


def _speed(records: Sequence[SpeedRecord]) -> tuple[object, ...]:
    samples = sum(record.samples for record in records)
    reused = sum(record.reused for record in records)
    seconds = sum(record.seconds for record in records)
    return (
        said(records[0].checkpoint),
        f"{samples:,}",
        f"{reused:,}",
        _ratio(samples, seconds),
        _ratio(sum(record.new_tokens for record in records), seconds),
        _ratio(sum(record.visual_tokens for record in records), samples + reused),
    )


def _ratio(amount: float, per: float) -> str:
    return f"{amount / per:,.1f}" if per > 0 else "not measured"


def _checkpoint(one: CheckpointSummary, role: str) -> tuple[object, ...]:
    whole = one.fingerprint
    short = el("code", whole[:FINGERPRINT], title=whole) if whole else UNKNOWN
    return (
        el("b", said(one.name)),
        role,
        _source(one.source),
        said(one.architecture or UNKNOWN),
        f"{one.parameters:,}" if one.parameters else UNKNOWN,
        format_size(one.bytes) if one.bytes else UNKNOWN,
        said(", ".join(one.dtypes) or UNKNOWN),
        short,
    )


def _source(source: str) -> Html:
    """The end of a path is what tells checkpoints apart; the whole is one hover away."""
    parts = PurePath(source).parts
    short = str(PurePath("…", *parts[-2:])) if len(parts) > 3 else source
    return el("span", said(short), title=source)
