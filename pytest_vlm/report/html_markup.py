"""HTML from values: whatever is not `Html` already is escaped, so nothing can be forgotten."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence

VOID = frozenset({"meta", "img", "input"})
CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
SHOWN = 200

# Word -> (tone, icon). A verdict is never told by its colour alone.
TONES = {
    "SHIP": ("good", "check"),
    "HOLD": ("bad", "cross"),
    "INCONCLUSIVE": ("unsure", "question"),
    "PARTIAL": ("plain", "half"),
    "pass": ("good", "check"),
    "fail": ("bad", "cross"),
    "inconclusive": ("unsure", "question"),
    "reported": ("plain", "dot"),
    "missing": ("unsure", "question"),
    "accepted": ("plain", "check"),
    "lost": ("bad", "cross"),
    "won": ("good", "check"),
    "right": ("good", "check"),
    "wrong": ("bad", "cross"),
    "within": ("good", "check"),
    "over": ("bad", "cross"),
    "not shown": ("bad", "cross"),
    "no limit": ("plain", "dot"),
}
ICONS = {
    "check": "M3.2 8.6l3.1 3.1 6.5-7.2",
    "cross": "M4 4l8 8M12 4l-8 8",
    "question": "M5.6 6.1a2.5 2.5 0 1 1 3.7 2.1c-.9.5-1.3 1-1.3 1.9M8 12.6v.3",
    "half": "M8 2.5a5.5 5.5 0 1 0 0 11zM8 2.5a5.5 5.5 0 0 1 0 11",
    "dot": "M5 8h6",
    "warning": "M8 2.6l6 10.8H2zM8 6.7v3.2M8 11.6v.2",
}


class Html(str):
    """Text that is markup already."""

    __slots__ = ()


def escape(text: object) -> Html:
    """Text as markup; control characters and lone surrogates become a visible replacement."""
    if isinstance(text, Html):
        return text
    return Html(html.escape(CONTROLS.sub("\N{REPLACEMENT CHARACTER}", str(text)), quote=True))


def join(parts: Iterable[object]) -> Html:
    """Parts one after the other, each escaped where it needs to be."""
    return Html("".join(escape(part) for part in parts))


def el(name: str, /, *content: object, **attributes: object) -> Html:
    """An element. ``class_`` is class, ``aria_label`` is aria-label, ``open=True`` is bare.

    An attribute that is None or False is left out.
    """
    given = join(
        Html(f" {_attribute(key)}")
        if value is True
        else Html(f' {_attribute(key)}="{escape(value)}"')
        for key, value in attributes.items()
        if value is not None and value is not False
    )
    if name in VOID:
        return Html(f"<{name}{given}>")
    return Html(f"<{name}{given}>{join(content)}</{name}>")


def icon(name: str) -> Html:
    """A small drawing that repeats what a word beside it says."""
    return el(
        "svg",
        el("path", d=ICONS[name]),
        class_="icon",
        viewBox="0 0 16 16",
        width="16",
        height="16",
        aria_hidden="true",
    )


def tone(verdict: str) -> str:
    """The class that colours a verdict."""
    return TONES.get(verdict, ("plain", "dot"))[0]


def badge(verdict: str, words: str = "") -> Html:
    """A verdict as icon and word."""
    name = TONES.get(verdict, ("plain", "dot"))[1]
    return el("span", icon(name), words or verdict, class_=f"badge {tone(verdict)}")


def chip(words: str, *, warning: bool = False) -> Html:
    """A remark beside the numbers."""
    if warning:
        return el("li", icon("warning"), said(words), class_="chip unsure")
    return el("li", said(words), class_="chip")


def said(text: object) -> Html:
    """Words of a model or a dataset, kept from turning the direction of the text around them."""
    return el("bdi", text)


def quote(text: str) -> Html:
    """An answer or a query in full; a long one opens on demand."""
    if not text.strip():
        return el("span", "(empty)", class_="soft")
    if len(text) <= SHOWN:
        return el("div", text, class_="said", dir="auto")
    more = el("span", f"all {len(text):,} characters", class_="more")
    return el(
        "details",
        el("summary", el("span", f"{text[:SHOWN]}…", class_="said", dir="auto"), " ", more),
        el("div", text, class_="said all", dir="auto", tabindex="0"),
        class_="long",
    )


def clip(text: str) -> Html:
    """As much of a text as fits into a table."""
    if not text.strip():
        return el("span", "(empty)", class_="soft")
    rest = f"… ({len(text):,} characters)" if len(text) > SHOWN else ""
    return el("span", text[:SHOWN], rest, class_="said", dir="auto")


def fact(label: str, *value: object, below: object = "") -> Html:
    """One number under its name."""
    small = el("dd", below, class_="below") if below else ""
    return el("div", el("dt", label), el("dd", *value), small)


def table(
    headings: Sequence[str], rows: Iterable[Sequence[object]], *, numeric: Sequence[str] = ()
) -> Html:
    """A table that scrolls inside its own frame where the window is narrow."""
    classes = ["number" if heading in numeric else None for heading in headings]
    head = join(
        el("th", heading, scope="col", class_=class_)
        for heading, class_ in zip(headings, classes, strict=True)
    )
    body = join(
        el(
            "tr",
            *(el("td", cell, class_=class_) for cell, class_ in zip(row, classes, strict=True)),
        )
        for row in rows
    )
    content = el("table", el("thead", el("tr", head)), el("tbody", body))
    label = f"Table: {', '.join(headings)}"
    return el("div", content, class_="scroll", tabindex="0", role="region", aria_label=label)


def part(anchor: str, title: str, *content: object) -> Html:
    """A part of the report under its heading."""
    return el("section", el("h2", title), *content, class_="part", id=anchor)


def _attribute(key: str) -> str:
    return key.rstrip("_").replace("_", "-")
