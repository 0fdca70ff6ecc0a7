"""What two logs are called: as the user says, else by what tells their paths apart."""

from __future__ import annotations

import re
from pathlib import Path

from pytest_vlm.errors import SettingsError

ENDINGS = re.compile(r"\.(jsonl|json|eval|tsv|csv|xlsx)(\.gz)?$")
OF_A_TASK = re.compile(r"(^|_)samples_")  # both harnesses: the folder is called after the model
OF_A_RUN = re.compile(r"^\d{4}-\d{2}-\d{2}T[\d-]+_|_[0-9A-Za-z]{22}$")  # by inspect_ai
LAST_RESORT = ("A", "B")


def name_logs(baseline: str, candidate: str) -> tuple[tuple[str, Path], tuple[str, Path]]:
    """Name and path of each side.

    Args:
        baseline: a path, or ``NAME=PATH``; an existing path wins.
        candidate: likewise.

    Raises:
        SettingsError: both have one name.
    """
    named = [_split(argument) for argument in (baseline, candidate)]
    found = _apart([path for _, path in named])
    (one, first), (other, second) = (
        (name or theirs, path) for (name, path), theirs in zip(named, found, strict=True)
    )
    if one == other:
        raise SettingsError(f"both are called {one}; name them: A={first} B={second}")
    return (one, first), (other, second)


def _split(argument: str) -> tuple[str, Path]:
    name, equals, path = argument.partition("=")
    if name and equals and not Path(argument).exists():
        return name, Path(path).expanduser()
    return "", Path(argument)


def _apart(paths: list[Path]) -> tuple[str, ...]:
    files = tuple(OF_A_RUN.sub("", ENDINGS.sub("", path.name)) for path in paths)
    folders = tuple(path.absolute().parent.name for path in paths)
    tried = [folders, files] if all(map(OF_A_TASK.search, files)) else [files, folders]
    return next((names for names in tried if len(set(names)) == len(names)), LAST_RESORT)
