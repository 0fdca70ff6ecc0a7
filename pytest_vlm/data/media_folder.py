"""Pictures by path, below one folder."""

from __future__ import annotations

import ntpath
import os
import posixpath
import re
import reprlib
import stat
from collections.abc import Callable
from functools import lru_cache, partial
from pathlib import Path

from pytest_vlm.errors import SamplesError
from pytest_vlm.evaluation.samples import Image

REMEMBERED = 65_536
FOLDERS_REMEMBERED = 1024
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
# Leads nowhere else on any system: no drive, no address, and no part that begins with a dot.
PLAIN = re.compile(r"\w[\w .-]*(?:/\w[\w .-]*)*")


class MediaFolder:
    """The folder that the paths of a samples file are relative to, and may not leave.

    One path is one `Image`, so that a picture with many questions is hashed once; the last
    `REMEMBERED` of them are kept.

    Args:
        folder: of the samples file, or the one the caller named.
        follow_links: also those that lead out of the folder; for one that the caller named.
    """

    def __init__(self, folder: Path, *, follow_links: bool = False) -> None:
        # Functions of the folder, not methods: what is remembered goes when this goes.
        inside = lru_cache(FOLDERS_REMEMBERED)(partial(_is_inside, os.path.realpath(folder)))
        self._images = lru_cache(REMEMBERED)(partial(_image, folder))
        self._checked = lru_cache(REMEMBERED)(
            partial(_check, folder, None if follow_links else inside)
        )

    def image(self, path: object) -> Image:
        """The picture at a path; the file itself is not looked at.

        Raises:
            SamplesError: not a path, or one that leads out of the folder.
        """
        if not isinstance(path, str) or not path:
            raise SamplesError(f"an image is given as a path, found {shortened(path)}")
        return self._images(path)

    def check(self, image: Image) -> None:
        """Refuse a picture that is not there, is not a file, or lies outside behind a link.

        Raises:
            SamplesError: with its path.
        """
        if isinstance(image.source, Path):
            self._checked(str(image.source))


def _image(folder: Path, path: str) -> Image:
    if PLAIN.fullmatch(path):
        return Image(source=folder / path)
    if "://" in path:
        raise SamplesError(
            f"the image {shortened(path)} is an address; download it and give its path"
        )
    if CONTROL.search(path):
        raise SamplesError(f"the image {shortened(path)} has a control character in its path")
    below = os.path.relpath(path, folder) if os.path.isabs(path) else path  # noqa: PTH117 - a Path a row is dear
    first, *_ = posixpath.normpath(below.replace("\\", "/")).split("/")
    if first == ".." or ntpath.isabs(below) or ntpath.splitdrive(below)[0]:
        raise SamplesError(
            f"the image {shortened(path)} lies outside {folder}; give a path below "
            "that folder, or name another folder with --vlm-media-root"
        )
    return Image(source=folder / below)


def _check(folder: Path, is_inside: Callable[[str], bool] | None, path: str) -> None:
    """`is_inside` tells whether a path leads out of the folder; None where it may."""
    try:
        status = os.lstat(path)
        if stat.S_ISDIR(status.st_mode):
            raise SamplesError(f"cannot read the image {path}: it is a folder")
        is_link = stat.S_ISLNK(status.st_mode)
        if is_inside and not is_inside(path if is_link else os.path.dirname(path)):  # noqa: PTH120
            raise SamplesError(
                f"the image {path} is a link that leads out of {folder}; copy the file, "
                f"or follow links with --vlm-media-root {folder}"
            )
        if is_link:
            status = os.stat(path)  # noqa: PTH116
    except OSError as error:
        raise SamplesError(f"cannot read the image {path}: {error.strerror}") from error
    if not stat.S_ISREG(status.st_mode):
        raise SamplesError(f"cannot read the image {path}: it is not a regular file")


def _is_inside(folder: str, path: str) -> bool:
    return os.path.commonpath([folder, os.path.realpath(path)]) == folder


def shortened(value: object, length: int = 200) -> str:
    """A value as it is written in a message; of a nested one only the outer levels."""
    writer = reprlib.Repr()
    writer.maxstring = writer.maxother = writer.maxlong = length
    return writer.repr(value)
