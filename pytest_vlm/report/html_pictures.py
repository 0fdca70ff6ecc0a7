"""The samples whose answer flipped, with their pictures and maps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pytest_vlm.report.html_exhibit import Exhibit
from pytest_vlm.report.html_markup import Html, badge, clip, el, join, part, quote, said, table
from pytest_vlm.report.html_slices import slices_part
from pytest_vlm.report.model import ClaimRecord

LISTED = 500


def flips_part(claims: Sequence[ClaimRecord], flips: Mapping[str, str], folder: Path) -> Html:
    """Flipped samples claim by claim; `flips` maps evidence files to anchors."""
    shown = {claim.evidence: claim for claim in claims if claim.evidence}
    groups = [
        el("div", _group(claim, Exhibit.read(folder, evidence)), id=flips[evidence], class_="flips")
        for evidence, claim in shown.items()
    ]
    return part("vlm-flips", "Flipped samples", *groups) if groups else Html("")


def tag_lines(flips: Sequence[Mapping[str, Any]]) -> list[str]:
    """Tags that at least half of the losses share: ``9 of 11 losses are tagged largest``."""
    losses = [flip for flip in flips if flip.get("lost")]
    counts = Counter(tag for flip in losses for tag in set(_strings(flip, "tags")))
    often = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [
        f"{count} of {len(losses)} losses are tagged {tag}"
        for tag, count in often[:3]
        if count > 1 and 2 * count >= len(losses)
    ]


def _flips(exhibit: Exhibit) -> list[Mapping[str, Any]]:
    """The flipped samples, losses first."""
    flips = exhibit.content.get("flips")
    return [flip for flip in flips if isinstance(flip, dict)] if isinstance(flips, list) else []


def _group(claim: ClaimRecord, exhibit: Exhibit) -> Html:
    flips = _flips(exhibit)
    title = el(
        "h3", said(claim.score), ": ", said(claim.candidate), " against ", said(claim.baseline)
    )
    if not flips:
        return join((title, el("p", "picture missing: ", said(claim.evidence), class_="soft")))
    losses = [flip for flip in flips if flip.get("lost")]
    wins = [flip for flip in flips if not flip.get("lost")]
    tags = [el("p", said(line), class_="tagged") for line in tag_lines(flips)]
    where = slices_part(claim.slices) if claim.slices else join(tags)
    rest = [flip for flip in flips if "image" not in flip]
    return join(
        (
            title,
            where,
            _cards("lost", _meaning(claim, claim.baseline), losses, claim, exhibit, opened=True),
            _cards(
                "won", _meaning(claim, claim.candidate), wins, claim, exhibit, opened=not losses
            ),
            _listed(rest, claim) if rest else "",
        )
    )


def _cards(
    kind: str,
    meaning: str,
    flips: Sequence[Mapping[str, Any]],
    claim: ClaimRecord,
    exhibit: Exhibit,
    *,
    opened: bool,
) -> Html:
    if not flips:
        return Html("")
    cards = [_card(kind, flip, claim, exhibit) for flip in flips if "image" in flip]
    some = f", {len(cards)} with pictures" if len(cards) < len(flips) else ""
    count = el("b", f"{len(flips)} {kind}")
    outlined = any(flip.get("outlined") for flip in flips)
    where = " · outlined: the region that should be looked at" if outlined else ""
    summary = el("summary", count, el("span", f" · {meaning}{some}{where}", class_="soft"))
    return el("details", summary, el("div", *cards, class_="grid"), open=opened and bool(cards))


def _card(kind: str, flip: Mapping[str, Any], claim: ClaimRecord, exhibit: Exhibit) -> Html:
    query = str(flip.get("query", ""))
    maps = (("baseline_map", claim.baseline), ("candidate_map", claim.candidate))
    caption = str(flip.get("picture", "image"))
    pictures = [exhibit.figure(flip["image"], caption, f"image of {flip.get('id', '')}: {query}")]
    pictures += [
        exhibit.figure(flip[key], join(("where ", said(side), " looks")), f"map of {side}: {query}")
        for key, side in maps
        if key in flip
    ]
    targets = _strings(flip, "targets")
    tags = el("ul", *(el("li", said(tag)) for tag in _strings(flip, "tags")), class_="tags")
    return el(
        "article",
        el("header", el("h4", said(flip.get("id", ""))), tags, badge(kind)),
        el("div", *pictures, class_="pictures"),
        el(
            "dl",
            _line("query", quote(query)),
            _line("target", el("span", *_separated(targets))) if targets else "",
            *(_answer(kind, side, flip, claim) for side in ("baseline", "candidate")),
            class_="answers",
        ),
        class_="card",
    )


def _answer(kind: str, side: str, flip: Mapping[str, Any], claim: ClaimRecord) -> Html:
    name = claim.baseline if side == "baseline" else claim.candidate
    answer = quote(str(flip.get(f"{side}_answer", "")))
    if _is_binary(claim):
        right = "right" if (kind == "lost") == (side == "baseline") else "wrong"
        return _line(said(name), answer, badge(right, f"{right} place" if claim.of_maps else ""))
    return _line(said(name), answer, el("b", _value(flip, side)))


def _meaning(claim: ClaimRecord, better: str) -> str:
    if not _is_binary(claim):
        return f"{better} scores better"
    return f"only {better} {'looks at the right place' if claim.of_maps else 'is right'}"


def _is_binary(claim: ClaimRecord) -> bool:
    return bool(claim.result.get("kind", "binary") == "binary")


def _value(flip: Mapping[str, Any], side: str) -> str:
    found = flip.get(f"{side}_value")
    return f"{found:.3g}" if isinstance(found, int | float) else ""


def _strings(flip: Mapping[str, Any], key: str) -> list[str]:
    """A list of a flip, whatever a damaged file holds instead."""
    found = flip.get(key)
    return [str(word) for word in found] if isinstance(found, list) else []


def _separated(words: Iterable[object]) -> Iterator[object]:
    for number, word in enumerate(words):
        yield " · " if number else ""
        yield said(word)


def _line(label: object, *value: object) -> Html:
    return el("div", el("dt", label), el("dd", *value))


def _listed(flips: Sequence[Mapping[str, Any]], claim: ClaimRecord) -> Html:
    rows = (
        (
            badge("lost" if flip.get("lost") else "won"),
            clip(str(flip.get("id", ""))),
            clip(str(flip.get("query", ""))),
            clip(" · ".join(_strings(flip, "targets"))),
            clip(str(flip.get("baseline_answer", ""))),
            clip(str(flip.get("candidate_answer", ""))),
        )
        for flip in flips[:LISTED]
    )
    headings = (
        "flip",
        "sample",
        "query",
        "target",
        claim.baseline,
        f"{claim.candidate} (candidate)",
    )
    more = (
        f"; the first {LISTED} are shown, all are in {claim.evidence}"
        if len(flips) > LISTED
        else ""
    )
    words = f"{len(flips)} more without pictures{more}"
    return el("details", el("summary", words), table(headings, rows))
