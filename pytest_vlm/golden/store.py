"""Goldens as files: ``TEST/NAME.npz`` (the map), ``.png`` (its picture), ``.json`` (where from)."""

from __future__ import annotations

import json
import os
import re
import tempfile
import zipfile
import zlib
from dataclasses import asdict, dataclass
from io import BytesIO
from pathlib import Path

import numpy as np

from pytest_vlm.errors import GoldenError
from pytest_vlm.heatmap.heatmap import Heatmap

NAME = re.compile(r"[A-Za-z0-9_%-][A-Za-z0-9._%-]*")
UNREADABLE = (  # what numpy, zipfile, zlib and json raise on damaged bytes
    OSError,
    ValueError,
    KeyError,
    TypeError,
    EOFError,
    RuntimeError,
    zipfile.BadZipFile,
    zlib.error,
)
LAYERS = ("values", "boxes", "media", "frame")


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """Where a golden comes from.

    Attributes:
        sample_id: whose answer it explains.
        sample_digest: of what the model saw; another sample never matches.
        method: of the map.
        checkpoint: name of the checkpoint that made it.
        fingerprint: of that checkpoint's files.
        answer: what the checkpoint answered.
        device: it ran on.
        accepted: UTC date and time; empty while pending.
        reason: why it was accepted, in the words of who did.
    """

    sample_id: str
    sample_digest: str
    method: str
    checkpoint: str
    fingerprint: str
    answer: str
    device: str
    accepted: str = ""
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class Golden:
    """A map with its picture and its origin."""

    id: str
    heatmap: Heatmap
    picture: bytes
    provenance: Provenance


class GoldenStore:
    """A folder of goldens; every file is written whole or not at all."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def ids(self) -> list[str]:
        """Every golden in the folder."""
        return sorted(
            str(path.relative_to(self.folder).with_suffix(""))
            for path in self.folder.glob("*/*.npz")
        )

    def load(self, id: str) -> Golden | None:
        """A golden, or None where there is none.

        Raises:
            GoldenError: it is there and cannot be read.
        """
        path = self._path(id, ".npz")
        if not path.exists():
            return None
        try:
            with np.load(path, allow_pickle=False) as arrays:
                layers = {name: arrays[name] for name in LAYERS}
            provenance = Provenance(**json.loads(self._path(id, ".json").read_text("utf-8")))
            picture = self._path(id, ".png").read_bytes()
            heatmap = Heatmap(**layers, method=provenance.method)
        except UNREADABLE as error:
            raise GoldenError(
                f"the golden {path} cannot be read ({error}); restore it from version control, or "
                "delete its three files and accept a new one"
            ) from error
        return Golden(id=id, heatmap=heatmap, picture=picture, provenance=provenance)

    def save(self, golden: Golden) -> None:
        """Write a golden; the map comes last, so that one without its picture is never seen."""
        buffer = BytesIO()
        layers = {name: getattr(golden.heatmap, name) for name in LAYERS}
        np.savez_compressed(buffer, **layers)
        provenance = json.dumps(asdict(golden.provenance), indent=2, ensure_ascii=False)
        _write_together(
            {
                self._path(golden.id, ".png"): golden.picture,
                self._path(golden.id, ".json"): provenance.encode() + b"\n",
                self._path(golden.id, ".npz"): buffer.getvalue(),
            }
        )

    def delete(self, id: str) -> None:
        """Remove a golden's files; harmless where there are none."""
        for suffix in (".npz", ".json", ".png"):
            self._path(id, suffix).unlink(missing_ok=True)

    def _path(self, id: str, suffix: str) -> Path:
        test, slash, name = id.partition("/")
        if not (slash and NAME.fullmatch(test) and NAME.fullmatch(name)):
            raise GoldenError(
                f"{name or test!r} is no name for a golden; use letters, digits, '.', '_', '-', '%'"
            )
        return self.folder / test / f"{name}{suffix}"


def _write_together(contents: dict[Path, bytes]) -> None:
    """Write every file beside its place, then move all in order: a full disk changes nothing."""
    written: dict[Path, Path] = {}
    try:
        for path, content in contents.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".part")
            written[path] = Path(name)
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            written[path].chmod(0o644)
        for path, temporary in written.items():
            temporary.replace(path)
    finally:
        for temporary in written.values():
            temporary.unlink(missing_ok=True)
