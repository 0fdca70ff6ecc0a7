"""The ``.json`` of a golden: its provenance, and which bytes belong to it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, fields
from typing import Any

from pytest_vlm.golden.golden import Provenance, Replaced

FORMAT = 1
SUFFIXES = {"map": (".npz", ".png"), "image": (".png",)}
CONFLICT = "<<<<<<<"
TUPLES = ("layers", "span")


@dataclass(frozen=True, kw_only=True)
class Document:
    """What one ``.json`` says.

    Attributes:
        digest: of what is compared.
        files: suffix to digest of the file's bytes.
    """

    digest: str
    files: Mapping[str, str]
    provenance: Provenance

    def dump(self) -> bytes:
        """One field a line, so that version control shows what changed; empty ones are left out."""
        subject = "map" if ".npz" in self.files else "image"
        content = {
            "format": FORMAT,
            "subject": subject,
            "digest": self.digest,
            "files": self.files,
            **asdict(self.provenance),
        }
        lines = [
            f" {json.dumps(name)}: {json.dumps(value, ensure_ascii=False)}"
            for name, value in content.items()
            if value or name in ("checkpoint", "fingerprint", "device")
        ]
        return "\n".join(["{", ",\n".join(lines), "}", ""]).encode("utf-8", "surrogatepass")

    @classmethod
    def load(cls, text: bytes) -> Document:
        """The inverse of `dump`.

        Raises:
            ValueError: it is damaged, or no golden's; reads on after the file's name.
        """
        try:
            content = json.loads(text)
        except (ValueError, RecursionError) as error:
            if CONFLICT.encode() in text:
                raise ValueError(
                    "has conflict marks of version control: choose all files of one side"
                ) from error
            raise ValueError(f"is no JSON ({error})") from error
        if not isinstance(content, dict) or "format" not in content:
            raise ValueError("was not written by this plugin (no format)")
        if content["format"] != FORMAT:
            raise ValueError(
                f"has the format {content['format']!r}, this pytest-vlm reads {FORMAT}: upgrade it"
            )
        try:
            return cls._of(content)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ValueError(f"lacks or garbles a field ({error})") from error

    @classmethod
    def _of(cls, content: dict[str, Any]) -> Document:
        content = dict(content)
        del content["format"]
        suffixes = SUFFIXES[content.pop("subject")]
        digests, files = content.pop("digest"), content.pop("files")
        if set(files) != set(suffixes):
            raise ValueError(f"files are {sorted(files)}, not {sorted(suffixes)}")
        for name in TUPLES:
            if content.get(name):
                content[name] = tuple(int(number) for number in content[name])
        if content.get("replaced"):
            content["replaced"] = Replaced(**content["replaced"])
        unknown = sorted(set(content) - {one.name for one in fields(Provenance)})
        if unknown:
            raise ValueError(f"unknown: {', '.join(unknown)}; a later pytest-vlm may know it")
        for one in fields(Provenance):
            if one.default is one.default_factory is MISSING and one.name not in content:
                raise KeyError(one.name)
            if one.type == "str" and not isinstance(content.get(one.name, ""), str):
                raise TypeError(f"{one.name} is no text")
        for one in (digests, *files.values()):
            if not isinstance(one, str):
                raise TypeError(f"{one!r} is no digest")
        return cls(digest=digests, files=files, provenance=Provenance(**content))
