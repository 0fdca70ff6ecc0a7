"""The pictures of one golden, side by side or, with a script, one over another."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from pytest_vlm.report.html_exhibit import Exhibit, Picture, absent
from pytest_vlm.report.html_markup import Html, el, join, quote, said
from pytest_vlm.report.model import GoldenRecord

UNEXPECTED = {
    "golden": "none accepted yet",
    "baseline": "no map",
    "candidate": "no picture",
    "difference": "not comparable",
}
DIFFERENCE = {
    "map": "difference (red: more, blue: less)",
    "image": "difference (red: differs; yellow stripes: ignored; magenta stripes: not in both)",
}


@dataclass(frozen=True)
class GoldenPictures:
    """The pictures of one golden, and which two of them can be laid over each other."""

    golden: GoldenRecord
    baseline: str
    exhibit: Exhibit
    found: Mapping[str, Picture | None]

    @classmethod
    def of(cls, golden: GoldenRecord, baseline: str, folder: Path) -> Self:
        """From the record's evidence; an image has no baseline's picture unless one was kept."""
        exhibit = Exhibit.read(folder, golden.evidence)
        kept = exhibit.content
        keys = list(UNEXPECTED)
        if golden.subject == "image" and "baseline" not in kept:
            keys.remove("baseline")
        if kept and not kept.keys() & {"golden", "difference"}:
            keys.remove("difference")
        found = {key: exhibit.picture(kept.get(key)) for key in keys}
        return cls(golden, baseline, exhibit, found)

    @property
    def size(self) -> int:
        """Bytes of all of them."""
        return sum(len(picture.content) for picture in self.found.values() if picture)

    @property
    def under(self) -> str | None:
        """What the candidate's is laid over: the golden, or the baseline's where there is none."""
        over = self.found["candidate"]
        for key in ("golden", "baseline"):
            under = self.found.get(key)
            if under:
                return key if over and over.size == under.size else None
        return None

    def part(self, *, opened: bool) -> Html:
        """All of them side by side, below what was asked."""
        layered = " layered" if self.under else ""
        return el(
            "details",
            el("summary", "pictures"),
            self._question(),
            el("div", *self._figures(), class_=f"compare {self.golden.subject}{layered}"),
            class_="pictured",
            open=opened,
        )

    def _question(self) -> Html:
        query, image = self.exhibit.words("query"), self.exhibit.content.get("image")
        picture = self.exhibit.picture(image)
        if not query and not picture:
            return Html("")
        shown = picture.image(f"what was asked about: {query}") if picture else ""
        which = self.exhibit.words("picture")
        of_several = el("span", f"({which})", class_="soft") if which not in ("", "image") else ""
        return el("div", shown, quote(query) if query else "", of_several, class_="query")

    def _figures(self) -> Iterator[Html]:
        under = self.under
        layers = {under: "under", "candidate": "over"} if under else {}
        for key, picture in self.found.items():
            slider = self._slider() if under and key == "candidate" else ""
            content = (
                el("div", picture.image(self._words(key)), slider, class_="frame")
                if picture
                else absent(self._why_absent(key))
            )
            caption = el("figcaption", self._caption(key))
            small = " small" if picture and picture.is_small else ""
            layer = f"layer {layers[key]}{small}" if key in layers else None
            yield el("figure", content, caption, class_=layer)

    def _slider(self) -> Html:
        """Moved by a pointer anywhere on the picture, and by the keyboard."""
        left = self.baseline if self.under == "baseline" else "golden"
        label = f"{left} to the left of the line, {self.golden.candidate} to the right"
        control = el(
            "input", type="range", min=0, max=100, value=50, aria_label=label, autocomplete="off"
        )
        return join((control, el("span", class_="line", aria_hidden="true")))

    def _words(self, key: str) -> str:
        return f"{key}: {self.exhibit.words('query') or self.golden.golden}"

    def _why_absent(self, key: str) -> str:
        kept = self.exhibit.content
        if key in kept or not kept:
            return "picture missing"
        accepted = self.golden.verdict == "accepted"
        return "none before" if accepted and key == "golden" else UNEXPECTED[key]

    def _caption(self, key: str) -> Html:
        accepted = self.golden.verdict == "accepted"
        if key == "golden":
            replaced = accepted and self.found["golden"] is not None
            return join(("golden", el("b", ", replaced") if replaced else ""))
        if key == "baseline":
            return join((said(self.baseline), " (baseline)"))
        if key == "candidate":
            return join((said(self.golden.candidate), el("b", ", now golden") if accepted else ""))
        return Html(DIFFERENCE[self.golden.subject])
