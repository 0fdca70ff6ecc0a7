"""The checkpoints below a folder, found by their files and headers."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from pytest_vlm.checkpoint.discovery.found import OF_A_TRAINER, Found, read_delta, read_folder
from pytest_vlm.checkpoint.files.reading import read_json
from pytest_vlm.checkpoint.files.weights import INDEX
from pytest_vlm.checkpoint.patches.patch import ADAPTER
from pytest_vlm.errors import CheckpointError

Order = Literal["step", "date", "name"]

OF_A_MODEL = re.compile(r"(pytorch_)?model(-\d{5}-of-\d{5})?\.(safetensors|bin)")
DELTAS = (".safetensors", ".pt", ".pth")
NO_DELTA = re.compile(r"(optimizer|scheduler|scaler|rng_state|random_states)\b.*|.*_states\.pt")
HUB_FOLDER = re.compile(r"models--(?:.+--)?(.+)")
ILLEGAL = re.compile(r"[^A-Za-z0-9._-]+")
NEVER = datetime.max.replace(tzinfo=UTC)


def discover(folder: Path, *, by: Order = "step") -> tuple[Found, ...]:
    """Every checkpoint in a folder and below, also the broken ones.

    Hidden folders are left out. Links to folders are followed, each folder once, unless they lead
    above the one that is searched.

    Args:
        folder: where to look; a single file of weights is also taken.
        by: the order. ``step`` keeps runs together; ``date`` and ``name`` do not.

    Raises:
        CheckpointError: there is no such folder.
    """
    if not os.path.lexists(folder):
        raise CheckpointError(f"no such folder: {folder} does not exist")
    found = _search(folder) if not folder.is_file() else [read_delta(folder)]
    return _named(folder, sorted(found, key=ORDERS[by]))


def _search(root: Path) -> Iterator[Found]:
    """Folders first, links last: what is reached both ways is found where it really lies."""
    folders, links, seen = [root], list[Path](), set[tuple[int, int]]()
    above = _above(root)
    while folders or links:
        is_link = not folders
        folder = folders.pop() if folders else links.pop()
        try:
            place = _place(folder)
            if place in seen or (is_link and place in above):
                continue
            seen.add(place)
            with os.scandir(folder) as listing:
                entries = {entry.name: entry for entry in listing}
        except OSError as error:
            problem = f"cannot be read: {error.strerror}"
            yield Found(name=folder.name, path=folder, kind="unreadable", problem=problem)
            continue
        inner = sorted(name for name, entry in entries.items() if _is_folder(entry))
        files = entries.keys() - set(inner)
        if _is_checkpoint(folder, files):
            yield read_folder(folder, files, entries.keys())
            if OF_A_TRAINER.fullmatch(folder.name):
                continue  # what lies deeper is the trainer's own state
        else:
            yield from (read_delta(folder / name) for name in files if _is_delta(name))
        for name in inner:
            if not name.startswith("."):
                (links if entries[name].is_symlink() else folders).append(folder / name)


def _above(root: Path) -> set[tuple[int, int]]:
    places: set[tuple[int, int]] = set()
    with suppress(RuntimeError):  # a link that leads to itself
        for parent in root.resolve().parents:
            with suppress(OSError):  # not ours to look at, so not ours to search
                places.add(_place(parent))
    return places


def _place(folder: Path) -> tuple[int, int]:
    status = folder.stat()
    return status.st_dev, status.st_ino


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def _is_delta(name: str) -> bool:
    return name.endswith(DELTAS) and not name.startswith(".") and not NO_DELTA.fullmatch(name)


def _is_checkpoint(folder: Path, files: Collection[str]) -> bool:
    if OF_A_TRAINER.fullmatch(folder.name) or ADAPTER in files or INDEX in files:
        return True
    if any(OF_A_MODEL.fullmatch(name) for name in files):
        return True
    if "config.json" not in files:
        return False
    try:
        config = read_json(folder / "config.json")
    except CheckpointError:
        return any(name.endswith(".safetensors") for name in files)
    return not config.keys().isdisjoint({"model_type", "architectures"})


def _named(root: Path, found: Collection[Found]) -> tuple[Found, ...]:
    """Each called by as few trailing parts of its path as tell it from all others."""
    parts = [_parts(root, one.path) for one in found]
    used = [1] * len(parts)
    while True:
        names = [_legal(own[-n:]) for own, n in zip(parts, used, strict=True)]
        several = Counter(names)
        longer = [
            n + (several[name] > 1 and n < len(own))
            for name, own, n in zip(names, parts, used, strict=True)
        ]
        if longer == used:
            break
        used = longer
    taken: Counter[str] = Counter()
    named = []
    for one, name in zip(found, names, strict=True):
        taken[name] += 1
        unique = f"{name}-{taken[name]}" if several[name] > 1 else name
        named.append(replace(one, name=unique))
    return tuple(named)


def _parts(root: Path, path: Path) -> list[str]:
    """A snapshot of the hub's cache is called by its repository and revision."""
    top = root.resolve()
    below = path.relative_to(root).parts if path != root else ()
    parts = [*top.parts[1:], *below]
    if len(parts) > 2 and parts[-2] == "snapshots" and (hub := HUB_FOLDER.fullmatch(parts[-3])):
        parts[-3:] = [f"{hub[1]}-{parts[-1][:7]}"]
    elif path.suffix in DELTAS and path.is_file():
        parts[-1:] = [path.suffix, path.stem]
    return parts


def _legal(parts: list[str]) -> str:
    return ILLEGAL.sub("-", "-".join(parts)).strip("-") or "checkpoint"


def _natural(text: str) -> tuple[tuple[bool, int, str], ...]:
    """``checkpoint-9`` before ``checkpoint-10``."""
    parts = (part for part in re.split(r"([0-9]+)", text) if part)
    return tuple((False, int(p), "") if p[0] in "0123456789" else (True, 0, p) for p in parts)


def _by_name(one: Found) -> tuple[Any, ...]:
    return _natural(one.path.name), _natural(str(one.path.parent))


def _by_step(one: Found) -> tuple[Any, ...]:
    unknown = one.step is None
    return _natural(str(one.path.parent)), unknown, one.step or 0, _natural(one.path.name)


def _by_date(one: Found) -> tuple[Any, ...]:
    return one.date or NEVER, *_by_step(one)


ORDERS: Mapping[Order, Callable[[Found], tuple[Any, ...]]] = {
    "step": _by_step,
    "date": _by_date,
    "name": _by_name,
}
