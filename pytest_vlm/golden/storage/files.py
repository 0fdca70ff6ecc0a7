"""One golden's files: the ``.json`` decides which bytes belong to it.

A golden is three files, and only one can be replaced at a time. So the ``.json`` holds the digests
of the others. These are first written beside their places, under names with their digest
(``.NAME.DIGEST.npz``); replacing the ``.json`` makes them the golden; then they move into their
places. Whenever a writer is killed, the bytes that the ``.json`` asks for lie in one of the two,
and the next writer tidies up.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

from pytest_vlm.golden.golden import digest
from pytest_vlm.golden.storage.document import Document

MAP, PICTURE, DECIDING = ".npz", ".png", ".json"
LFS = b"version https://git-lfs"


class GoldenFiles:
    """The files of the golden at ``folder/name``; who writes holds a lock."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stem = os.fspath(path)

    def place(self, suffix: str) -> Path:
        """Where a file of it lies."""
        return Path(f"{self._stem}{suffix}")

    def beside(self) -> tuple[Path, ...]:
        """The places of all but the ``.json``."""
        return self.place(MAP), self.place(PICTURE)

    def part(self, suffix: str, of: str) -> bytes | None:
        """The content with that digest, wherever a killed writer left it."""
        for place in (self.place(suffix), self._staged(suffix, of)):
            content = read(place)
            if content is not None and digest(content) == of:
                return content
        return None

    def replace(self, document: Document, parts: Mapping[str, bytes]) -> None:
        """Write everything beside its place, let the ``.json`` decide, and move the rest.

        Raises:
            OSError: a file cannot be written; nothing is changed then.
        """
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self.settle()
        try:
            for suffix, content in parts.items():
                _write(self._staged(suffix, document.files[suffix]), content)
            deciding = self._path.with_name(f".{self._path.name}{DECIDING}.part")
            _write(deciding, document.dump())
            _sync(self._path.parent)
            deciding.replace(self.place(DECIDING))
        except BaseException:
            self._sweep()
            raise
        self.settle()

    def remove(self) -> None:
        """Delete all of them, what decides first."""
        for place in (self.place(DECIDING), *self.beside()):
            place.unlink(missing_ok=True)
        self._sweep()

    def problem(self, suffix: str) -> str:
        """Why a file is not the one that the ``.json`` tells of."""
        place = self.place(suffix)
        content = read(place)
        if content is None:
            return f"{place.name} is missing"
        if content.startswith(LFS):
            return f"{place.name} is a pointer of Git LFS; git lfs pull fetches the file"
        return (
            f"{place.name} is not the file that {self._path.name}{DECIDING} tells of: it was cut "
            "short, changed, or is another golden's"
        )

    def settle(self) -> None:
        """Finish what a writer began, and remove what belongs to no golden."""
        text = read(self.place(DECIDING))
        if text is not None:
            try:
                files = Document.load(text).files
            except ValueError:
                files = {}  # a damaged one is about to be replaced
            for suffix, of in files.items():
                staged = self._staged(suffix, of)
                if staged.exists():
                    staged.replace(self.place(suffix))
            if files and MAP not in files:
                self.place(MAP).unlink(missing_ok=True)
            _sync(self._path.parent)
        self._sweep()

    def _staged(self, suffix: str, of: str) -> Path:
        return self._path.with_name(f".{self._path.name}.{of}{suffix}")

    def _sweep(self) -> None:
        name = re.escape(self._path.name)
        own = re.compile(rf"\.{name}(\.[0-9a-f]{{32}}\.(npz|png)|\.json\.part)")
        for left in self._path.parent.glob(".*"):
            if own.fullmatch(left.name):
                left.unlink(missing_ok=True)


def read(path: Path) -> bytes | None:
    """A file's content, or None where there is none.

    Raises:
        OSError: it is there and cannot be read.
    """
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def _write(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync(folder: Path) -> None:
    """What was renamed in it outlives a loss of power; Windows has no such call."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
