"""Accepting a pending golden: from the run's artifacts, without loading a model."""

from __future__ import annotations

import shlex
from contextlib import suppress
from pathlib import Path

from pytest_vlm.errors import GoldenError
from pytest_vlm.golden import GOLDENS
from pytest_vlm.golden.accepting.pending import PendingFolder, PendingGolden
from pytest_vlm.golden.accepting.signature import Signature
from pytest_vlm.golden.golden import Golden
from pytest_vlm.golden.storage import variants
from pytest_vlm.golden.storage.store import GoldenStore, unwritable
from pytest_vlm.paths import readable


def accept_command(report: Path, candidate: str, id: str, goldens: Path) -> str:
    """The command that accepts one pending golden into the folder of goldens."""
    words = ["python", "-m", "pytest_vlm", "accept", readable(report), id, "--candidate", candidate]
    if readable(goldens) != GOLDENS:
        words += ["--goldens", readable(goldens)]
    return shlex.join(words)


def goldens_of(command: str) -> str:
    """Where an `accept_command` puts what it accepts; empty where it does not say."""
    try:
        words = shlex.split(command)
    except ValueError:
        return ""
    return words[words.index("--goldens") + 1] if "--goldens" in words[:-1] else ""


def accept(
    folder: PendingFolder, pending: PendingGolden, goldens: Path, signature: Signature
) -> Golden:
    """Make a pending golden the accepted one, and pending no more; gives it as it was written.

    Killed at any moment it leaves the old golden or the new one, and may simply be called again.
    Where the report cannot be written to, the golden is accepted and stays pending.

    Raises:
        GoldenError: it cannot be accepted, or the goldens cannot be written to.
    """
    golden = folder.load(pending)
    try:
        written = variants.accept(GoldenStore(goldens), golden, signature)
    except OSError as error:
        raise unwritable(goldens, pending.id, error) from error
    with suppress(GoldenError):
        folder.drop(pending)
    return written
