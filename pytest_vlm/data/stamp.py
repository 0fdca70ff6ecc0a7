"""A file that must stay as it was when it was opened, since rows are read from it again."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Self

from pytest_vlm.errors import SamplesError


@dataclass(frozen=True)
class StampedFile:
    """A path with the size, the time of the last change and the inode it had."""

    path: Path
    stamp: tuple[int, int, int]

    @classmethod
    def of(cls, path: Path) -> Self:
        """The file as it is now.

        Raises:
            SamplesError: it cannot be read, or is not a regular file.
        """
        try:
            status = path.stat()
        except (OSError, ValueError) as error:
            raise _unreadable(path, error) from error
        if not stat.S_ISREG(status.st_mode):
            raise SamplesError(
                f"cannot read the samples file {path}: it is not a regular file; rows are read "
                "more than once, so write them to a file first"
            )
        return cls(path, _stamp(status))

    def open(self) -> BinaryIO:
        """The file, for reading.

        Raises:
            SamplesError: it cannot be read, or has changed.
        """
        try:
            file = self.path.open("rb")
        except OSError as error:
            raise _unreadable(self.path, error) from error
        if _stamp(os.fstat(file.fileno())) != self.stamp:
            file.close()
            raise SamplesError(
                f"{self.path} has changed since it was opened; leave it alone during a run"
            )
        return file

    def check(self) -> None:
        """Refuse a file that has changed.

        Raises:
            SamplesError: it cannot be read, or has changed.
        """
        self.open().close()


def _stamp(status: os.stat_result) -> tuple[int, int, int]:
    return status.st_size, status.st_mtime_ns, status.st_ino


def _unreadable(path: Path, error: OSError | ValueError) -> SamplesError:
    reason = getattr(error, "strerror", None) or error
    return SamplesError(f"cannot read the samples file {path}: {reason}")
