"""Whose answers they are: one digest of everything in a checkpoint that an answer depends on.

The digest is of names and contents only: a copy, a renamed folder and a new date keep it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

from pytest_vlm.checkpoint.patches.patch import Patch

CONTENT = (".safetensors", ".json", ".jinja", ".txt", ".model", ".tiktoken", ".spm", ".py")
TEMPLATES = "additional_chat_templates"
# What a training writes about itself. No model reads it, and every save changes it.
ABOUT_THE_TRAINING = (
    "trainer_state.json",
    "training.json",
    "all_results.json",
    "eval_results.json",
    "train_results.json",
    "requirements.txt",
)
BLOB = re.compile(r"[0-9a-f]{64}")  # a small file's blob has the 40 digits of git's own SHA-1
CHUNK = 2 * 2**20  # measured: larger ones leave the processor's cache between reading and hashing

Progress = Callable[[int], None]


def _no_progress(size: int) -> None:
    pass


def fingerprint(folder: Path, digest: Callable[[Path], str] | None = None) -> str:
    """Of a checkpoint folder, or of a single file of weights. 32 hexadecimal digits.

    Args:
        folder: the folder.
        digest: of a file; by default `file_digest`. Pass one that remembers.

    Raises:
        OSError: a file cannot be read.
    """
    from blake3 import blake3

    of = digest or file_digest
    lines = "".join(f"{name}\0{of(path)}\n" for name, path in content_files(folder))
    return blake3(lines.encode("utf-8", "surrogateescape")).hexdigest(length=16)


def patched_fingerprint(base: str, patch: Patch, digest: Callable[[Path], str]) -> str:
    """Of a base with something put over it. 32 hexadecimal digits.

    Args:
        base: the base's fingerprint.
        patch: what is put over it.
        digest: as for `fingerprint`.

    Raises:
        OSError: a file cannot be read.
    """
    from blake3 import blake3

    # Not a delta's own name: a renamed file is the same one.
    digests = "".join(f"{digest(path)}\n" for path in patch.files)
    return blake3(f"{patch.kind} over {base}\n{digests}".encode()).hexdigest(length=16)


def content_files(folder: Path) -> tuple[tuple[str, Path], ...]:
    """What belongs to the fingerprint: names below the folder, with ``/``, in their byte order."""
    if folder.is_file():
        return ((f"weights{folder.suffix}", folder),)
    found = (path for path in content_paths(folder) if path.is_file())
    named = ((path.relative_to(folder).as_posix(), path) for path in found)
    return tuple(sorted((n, p) for n, p in named if n not in ABOUT_THE_TRAINING and n[0] != "."))


def content_paths(folder: Path) -> list[Path]:
    """What a model is made of, in a fixed order, also a folder or a pipe under such a name."""
    return [folder / name for name in content_names(folder)]


def content_names(folder: Path) -> list[str]:
    """The same, below the folder. It is looked at after every batch: no globbing, no paths."""
    if not folder.is_dir():
        return []
    names = sorted(os.listdir(folder))  # noqa: PTH208
    found = [name for name in names if name.endswith(CONTENT)]
    if TEMPLATES in names:
        templates = sorted((folder / TEMPLATES).glob("*.jinja"))
        found += [f"{TEMPLATES}/{template.name}" for template in templates]
    return found


def file_digest(path: Path, progress: Progress = _no_progress) -> str:
    """``blake3:...`` of a file's content, or ``sha256:...`` where the hub's cache tells it.

    The file is read, not mapped: a mapped file that somebody cuts off ends the process (SIGBUS).

    Args:
        path: the file.
        progress: is told the bytes that were read since the last call.

    Raises:
        OSError: it cannot be read.
    """
    known = hub_digest(path)
    if known is not None:
        return f"sha256:{known}"
    from blake3 import blake3

    hasher = blake3(max_threads=blake3.AUTO)
    buffer = memoryview(bytearray(CHUNK))
    with path.open("rb", buffering=0) as stream:
        while count := stream.readinto(buffer):
            hasher.update(buffer[:count])
            progress(count)
    return f"blake3:{hasher.hexdigest()}"


def hub_digest(path: Path) -> str | None:
    """The SHA-256 by which the hub's cache names a large file's content.

    In that cache a file is a link ``snapshots/REVISION/NAME`` to ``blobs/SHA256``. A blob that was
    written after its link was changed in place: its name says nothing any more.

    Returns:
        64 hexadecimal digits; None where the layout is another, or the blob was changed.
    """
    if not path.is_symlink():
        return None
    blob = path.resolve()
    if blob.parent.name != "blobs" or not BLOB.fullmatch(blob.name):
        return None
    if path.parent.resolve().parent.name != "snapshots":
        return None
    changed = blob.stat().st_mtime_ns > path.lstat().st_mtime_ns
    return None if changed else blob.name
