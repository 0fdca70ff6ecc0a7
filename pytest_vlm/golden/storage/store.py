"""A folder of goldens, each with its map (``.npz``), picture (``.png``) and origin (``.json``)."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from pytest_vlm.errors import GoldenError
from pytest_vlm.golden.golden import Golden, Provenance, digest
from pytest_vlm.golden.storage.document import Document
from pytest_vlm.golden.storage.files import DECIDING, MAP, PICTURE, GoldenFiles, read
from pytest_vlm.golden.storage.names import check_id, is_id, without_variant
from pytest_vlm.golden.storage.packing import pack, unpack
from pytest_vlm.paths import readable

LOOKS = 5  # another process may replace the golden while this one reads it


@dataclass(frozen=True, kw_only=True)
class StoredGolden:
    """A golden as its files hold it: seen to be whole, and not unpacked yet.

    Attributes:
        id: with its variant.
        where: the path of its files, without their suffixes.
        digest: of what is compared, see `Golden.digest`.
        packed: the map's bytes; None for an image golden.
    """

    id: str
    where: Path
    digest: str
    packed: bytes | None
    picture: bytes
    provenance: Provenance

    def unpack(self) -> Golden:
        """With its map.

        Raises:
            GoldenError: the bytes are no map.
        """
        heatmap, origin = None, self.provenance
        if self.packed is not None:
            try:
                heatmap = unpack(
                    self.packed, method=origin.method, layers=origin.layers, span=origin.span
                )
            except ValueError as error:
                raise unreadable(self.where, f"{self.where.name}{MAP}: {error}") from error
        return Golden(id=self.id, heatmap=heatmap, picture=self.picture, provenance=origin)


class GoldenStore:
    """Goldens as files; several processes may read and write them at once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def ids(self) -> list[str]:
        """Every golden in the folder, once for all its variants."""
        return sorted({without_variant(id) for id in self._found("*/*")})

    def variants(self, id: str) -> list[str]:
        """The ids of one golden's variants, the plain one first; each can be loaded.

        Raises:
            GoldenError: no name for a golden.
        """
        check_id(id)
        return sorted(one for one in self._found(f"{id}*") if without_variant(one) == id)

    def files(self, id: str) -> list[Path]:
        """The files of a golden and all its variants.

        Raises:
            GoldenError: no name for a golden.
        """
        places = [GoldenFiles(self._where(one)) for one in self.variants(id)]
        paths = [path for one in places for path in (one.place(DECIDING), *one.beside())]
        return [path for path in paths if path.exists()]

    def askers(self) -> dict[str, str]:
        """Golden to the test that asked for it when it was accepted; damaged ones are left out."""
        found = {}
        for id in self._found("*/*"):
            with suppress(OSError, ValueError):
                text = GoldenFiles(self.folder / id).place(DECIDING).read_bytes()
                found[without_variant(id)] = Document.load(text).provenance.test
        return dict(sorted(found.items()))

    def load(self, id: str) -> Golden | None:
        """A golden, or None where there is none.

        Raises:
            GoldenError: it is there and cannot be read, or it is no name for a golden.
        """
        stored = self.read(id)
        return None if stored is None else stored.unpack()

    def read(self, id: str) -> StoredGolden | None:
        """The same, with the map still packed.

        Raises:
            GoldenError: it is there and cannot be read, or it is no name for a golden.
        """
        where = self._where(id)
        try:
            return self._read(id, where, GoldenFiles(where))
        except OSError as error:
            raise unreadable(where, str(error)) from error

    def save(self, golden: Golden) -> None:
        """Write a golden: whenever this is interrupted, the old or the new one is there.

        Raises:
            GoldenError: no name for a golden, or one that differs in upper case alone is there.
            OSError: a file cannot be written; nothing is changed then.
        """
        files = GoldenFiles(self._where(golden.id))
        parts = {PICTURE: golden.picture}
        if golden.heatmap is not None:
            parts[MAP] = pack(golden.heatmap)
        document = Document(
            digest=golden.digest,
            files={suffix: digest(content) for suffix, content in parts.items()},
            provenance=golden.provenance,
        )
        with self.locked():
            self.check_case(golden.id)
            files.replace(document, parts)

    def tidy(self, id: str) -> None:
        """Finish what a killed writer of a golden began.

        Raises:
            GoldenError: no name for a golden.
        """
        with self.locked():
            GoldenFiles(self._where(id)).settle()

    def delete(self, id: str) -> None:
        """Remove a golden; harmless where there is none.

        Raises:
            GoldenError: no name for a golden.
        """
        files = GoldenFiles(self._where(id))
        if files.place(DECIDING).exists():
            with self.locked():
                files.remove()

    def check_case(self, id: str) -> None:
        """Refuse an id that some systems cannot tell from one that is there.

        Raises:
            GoldenError: names both.
        """
        test, _, name = id.partition("/")
        tests = [folder.name for folder in self.folder.glob("*")]
        names = [one.partition("/")[2] for one in self._found(f"{test}/*")]
        for own, known in ((test, tests), (name, names)):
            for other in known:
                if other != own and other.lower() == own.lower():
                    raise GoldenError(
                        f"{own!r} is no name for a golden: {self.folder} has {other!r}, which "
                        "Windows and macOS take for the same; choose another name"
                    )

    @contextmanager
    def locked(self) -> Iterator[None]:
        """For a block, no other process writes; one process may nest it."""
        place = digest(os.fsencode(self.folder.resolve()))
        user = os.getuid() if hasattr(os, "getuid") else 0
        path = Path(tempfile.gettempdir()) / f"pytest-vlm-goldens-{user}-{place}.lock"
        with FileLock(path, is_singleton=True):
            yield

    def _read(self, id: str, where: Path, files: GoldenFiles) -> StoredGolden | None:
        problem = ""
        for _ in range(LOOKS):
            text = read(files.place(DECIDING))
            if text is None:
                left = " and ".join(place.name for place in files.beside() if place.exists())
                if not left:
                    return None
                problem = f"{where.name}{DECIDING} is missing beside {left}"
                continue
            document = _document(where, text)
            parts = {suffix: files.part(suffix, of) for suffix, of in document.files.items()}
            picture = parts[PICTURE]
            if picture is not None and parts.get(MAP, b"") is not None:
                return StoredGolden(
                    id=id,
                    where=where,
                    digest=document.digest,
                    packed=parts.get(MAP),
                    picture=picture,
                    provenance=document.provenance,
                )
            missing = next(suffix for suffix, content in parts.items() if content is None)
            problem = files.problem(missing)
        raise unreadable(where, problem)

    def _found(self, pattern: str) -> Iterator[str]:
        for path in self.folder.glob(f"{pattern}{DECIDING}"):
            id = path.relative_to(self.folder).as_posix().removesuffix(DECIDING)
            if is_id(id):
                yield id

    def _where(self, id: str) -> Path:
        check_id(id)
        return self.folder / id


def unreadable(where: Path, what: str) -> GoldenError:
    """A golden that is damaged, and what to do about it."""
    return GoldenError(
        f"the golden {where} cannot be read: {what}; restore it from version control, or delete "
        f"its files ({where.name}.*) and accept a new one"
    )


def unwritable(folder: Path, id: str, error: OSError) -> GoldenError:
    """A folder that takes no golden: read-only, full, or a file."""
    return GoldenError(f"{id}: {readable(folder)} cannot be written to ({error})")


def _document(where: Path, text: bytes) -> Document:
    try:
        return Document.load(text)
    except ValueError as error:
        raise unreadable(where, f"{where.name}{DECIDING} {error}") from error
