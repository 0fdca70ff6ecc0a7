"""One piece of evidence as a page shows it: read from the run's folder, pictures embedded."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from pytest_vlm.report.html_markup import Html, el

PNG_START, PNG_END = b"\x89PNG\r\n\x1a\n", b"IEND\xaeB`\x82"
SMALL = 320  # pixels of the longer edge


@dataclass(frozen=True)
class Picture:
    """A PNG, whole as far as its ends tell."""

    content: bytes

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels, as its header says."""
        return int.from_bytes(self.content[16:20]), int.from_bytes(self.content[20:24])

    @property
    def is_small(self) -> bool:
        """Whether it is better seen enlarged."""
        return max(self.size) <= SMALL

    def image(self, words: str) -> Html:
        """Embedded, with its size, so that the page does not jump while it is decoded."""
        width, height = self.size
        return el(
            "img",
            src=Html(f"data:image/png;base64,{base64.b64encode(self.content).decode()}"),
            alt=words,
            width=width,
            height=height,
            decoding="async",
        )


@dataclass(frozen=True)
class Exhibit:
    """One evidence file; a broken one is empty, so that the rest of the report stands."""

    path: Path
    content: Mapping[str, Any]

    @classmethod
    def read(cls, folder: Path, name: str) -> Self:
        """A JSON file below the run's folder; `name` never leads out of it."""
        try:
            path = (folder / name).resolve()
            if not path.is_relative_to(folder.resolve()):
                return cls(folder, {})
            content = json.loads(path.read_text("utf-8"))
        except (OSError, ValueError, RecursionError):
            return cls(folder, {})
        return cls(path.parent, content if isinstance(content, dict) else {})

    def words(self, key: str) -> str:
        """A text of it; empty where there is none."""
        return str(self.content.get(key, ""))

    def picture(self, name: object) -> Picture | None:
        """A PNG beside the file; None for a missing or broken one."""
        if not isinstance(name, str):
            return None
        try:
            content = (self.path / Path(name).name).read_bytes()
        except (OSError, ValueError):
            return None
        picture = Picture(content)
        whole = content.startswith(PNG_START) and content.endswith(PNG_END)
        return picture if whole and min(picture.size) > 0 else None

    def figure(self, name: object, caption: object, words: str) -> Html:
        """A picture with its caption; a missing or broken one says so."""
        picture = self.picture(name)
        return el(
            "figure",
            picture.image(words) if picture else absent("picture missing"),
            el("figcaption", caption),
        )


def absent(why: str) -> Html:
    """The place of a picture that is not there."""
    return el("div", why, class_="absent")
