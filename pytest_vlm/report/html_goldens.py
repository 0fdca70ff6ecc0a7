"""Goldens for review: what needs a person as cards with pictures, what passes as a table.

Everything reads without a script. With ``goldens.js`` the pictures can be laid over each other, and
what is checked becomes one command.
"""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Self

from pytest_vlm.report.html_golden_pictures import GoldenPictures
from pytest_vlm.report.html_headroom import measured, numbers
from pytest_vlm.report.html_markup import Html, badge, el, join, part, said, table
from pytest_vlm.report.model import GoldenRecord, RunReport

FAILED = ("fail", "missing")
ORDER = (*FAILED, "accepted")
OPENED = 12  # cards whose pictures are open from the start
EMBEDDED = 64 * 2**20  # bytes of pictures, beyond which a card names the folder of its own
LISTED = 25  # passing goldens up to which their table is open
VIEWS = {"side": "side by side", "slider": "slider", "blink": "blink"}


@dataclass(frozen=True)
class AcceptWords:
    """The command that accepts a golden, around its id, every word quoted for a shell."""

    before: str
    id: str
    after: str

    @classmethod
    def of(cls, golden: GoldenRecord) -> Self | None:
        """From the record's command; None for one that does not name the golden."""
        try:
            words = shlex.split(golden.accept)
            place = words.index(golden.golden, words.index("accept") + 2)
        except ValueError:
            return None
        before, after = words[:place], words[place + 1 :]
        return cls(shlex.join(before), shlex.quote(golden.golden), shlex.join(after))


def goldens_part(report: RunReport, folder: Path) -> Html:
    """What fails first, then what is missing, then what was accepted; what passes as a table."""
    goldens = [record for record in report.records if isinstance(record, GoldenRecord)]
    if not goldens:
        return Html("")
    baselines = {verdict.candidate: verdict.baseline for verdict in report.verdicts}
    passing = [golden for golden in goldens if golden.verdict == "pass"]
    shown = [golden for golden in goldens if golden.verdict != "pass"]
    first: dict[str, int] = {}  # candidates of one golden are looked at together
    for number, golden in enumerate(shown):
        first.setdefault(golden.golden, number)
    shown.sort(
        key=lambda golden: ([*ORDER, golden.verdict].index(golden.verdict), first[golden.golden])
    )
    cards, left = [], EMBEDDED
    for number, golden in enumerate(shown):
        baseline = baselines.get(golden.candidate, "baseline")
        embeds = bool(golden.evidence) and left > 0
        pictures = GoldenPictures.of(golden, baseline, folder) if embeds else None
        left -= pictures.size if pictures else 0
        cards.append(_card(golden, pictures, opened=number < OPENED))
    counts = Counter(golden.verdict for golden in (*shown, *passing))
    words = ", ".join(f"{count} {verdict}" for verdict, count in counts.items())
    return part(
        "vlm-goldens",
        "Goldens",
        el("p", f"{len(goldens)} checked: ", said(words), ".", class_="soft"),
        _toolbar(shown, passing) if shown else "",
        *cards,
        _panel() if any(map(AcceptWords.of, shown)) else "",
        _passing(passing),
    )


def _card(golden: GoldenRecord, pictures: GoldenPictures | None, *, opened: bool) -> Html:
    words = AcceptWords.of(golden)
    failed = " failed" if golden.verdict in FAILED else ""
    return el(
        "article",
        el(
            "header",
            el("h3", said(golden.golden)),
            badge(golden.verdict),
            _pick(golden, words) if words else "",
        ),
        el("p", said(golden.candidate), ": ", said(golden.sentence), _variant(golden)),
        el("dl", *map(measured, golden.measures)) if golden.measures else "",
        pictures.part(opened=opened) if pictures else _elsewhere(golden.evidence),
        _command(golden.accept, alone=words is not None) if golden.accept else "",
        class_=f"card golden{failed}",
    )


def _elsewhere(evidence: str) -> Html:
    if not evidence:
        return Html("")
    where = el("code", PurePosixPath(evidence).parent)
    return el(
        "p", "This page holds no more pictures; these are beside it in ", where, class_="soft"
    )


def _variant(golden: GoldenRecord) -> Html:
    if not golden.variant:
        return Html("")
    words = join((" Compared with the golden of ", said(golden.variant), "."))
    return el("span", words, class_="soft")


def _pick(golden: GoldenRecord, words: AcceptWords) -> Html:
    box = el(
        "input",
        type="checkbox",
        data_before=words.before,
        data_id=words.id,
        data_after=words.after,
        aria_label=f"accept {golden.golden} of {golden.candidate}",
        autocomplete="off",
    )
    return el("label", box, "accept", class_="scripted pick")


def _command(command: str, *, alone: bool) -> Html:
    """Of one card; the panel's takes its place where a script can build it."""
    words = ("If the new one is right: ", el("code", command, class_="command"))
    return el("p", *words, class_="alone" if alone else None)


def _toolbar(shown: Sequence[GoldenRecord], passing: Sequence[GoldenRecord]) -> Html:
    """How to look at the cards, and which; of use with the script only."""
    views = [
        el(
            "label",
            el("input", type="radio", name="vlm-view", value=value, checked=value == "side"),
            words,
        )
        for value, words in VIEWS.items()
    ]
    failed = sum(golden.verdict in FAILED for golden in shown)
    choices = (
        _check("vlm-failed", f"failed only ({failed})")
        if 0 < failed < len(shown) + len(passing)
        else "",
        _check("vlm-all", "select all") if any(map(AcceptWords.of, shown)) else "",
    )
    return el(
        "div",
        el("div", *views, class_="views", role="radiogroup", aria_label="view of the pictures"),
        el(
            "div",
            el("button", "pause", type="button", id="vlm-pause"),
            el("button", "swap", type="button", id="vlm-swap"),
            class_="blinking",
        ),
        el("div", *choices, class_="choices"),
        class_="scripted toolbar",
        role="group",
        aria_label="review of the goldens",
    )


def _check(name: str, words: str) -> Html:
    return el("label", el("input", type="checkbox", id=name, autocomplete="off"), words)


def _panel() -> Html:
    """The command for what is checked, filled in by the script."""
    reason = el("input", type="text", id="vlm-reason", autocomplete="off", maxlength=500)
    return el(
        "div",
        el("div", id="vlm-checked", role="status"),
        el("label", "reason", reason, class_="reason"),
        el("button", "copy the command", type="button", id="vlm-copy"),
        el(
            "code",
            class_="command",
            id="vlm-command",
            tabindex="0",
            role="region",
            aria_label="command that accepts what is checked",
        ),
        class_="scripted panel",
        role="region",
        aria_label="accept what is checked",
        hidden=True,
    )


def _passing(passing: Sequence[GoldenRecord]) -> Html:
    """One row a golden, with every number in a column of its name."""
    if not passing:
        return Html("")
    names = dict.fromkeys(measure.name for golden in passing for measure in golden.measures)
    variants = any(golden.variant for golden in passing)
    rows = []
    for golden in passing:
        found = {measure.name: numbers(measure) for measure in golden.measures}
        variant = [said(golden.variant)] if variants else []
        cells = [found.get(name, Html("")) for name in names]
        rows.append([said(golden.golden), said(golden.candidate), *variant, *cells])
    headings = ["golden", "candidate", *(["golden of"] if variants else []), *names]
    return el(
        "details",
        el("summary", badge("pass", f"{len(passing)} pass")),
        table(headings, rows),
        class_="passing",
        open=len(passing) <= LISTED,
    )
