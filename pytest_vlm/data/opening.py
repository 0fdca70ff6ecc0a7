"""``--vlm-samples``: which format a source is in."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from pytest_vlm.data.csv import CsvTable
from pytest_vlm.data.hub import PREFIX, hub_table, is_saved_dataset, saved_table
from pytest_vlm.data.jsonl import JsonlTable
from pytest_vlm.data.media_folder import MediaFolder
from pytest_vlm.data.parquet import parquet_table
from pytest_vlm.data.rows import RowParser
from pytest_vlm.data.table import CheckedTable, Table
from pytest_vlm.errors import SamplesError
from pytest_vlm.evaluation.dataset import Dataset

METADATA = ("metadata.jsonl", "metadata.csv", "metadata.parquet")


def open_dataset(source: Path | str, *, media_root: Path | None = None) -> Dataset:
    """Check every row of a source and give its samples, which are read when they are asked for.

    Args:
        source: a file by its suffix (``.csv``, ``.tsv``, ``.parquet``, otherwise JSON Lines), a
            folder of pictures with ``metadata.jsonl``, ``.csv`` or ``.parquet``, a folder that
            ``datasets`` saved, or ``hf:NAME[@REVISION][[:CONFIG]:SPLIT]``.
        media_root: the folder that paths of pictures are relative to, links in it followed; by
            default that of the file.

    Raises:
        SamplesError: with file and line, for anything that is not a usable sample.
    """
    table, folder = _table(source)
    if media_root is None:
        media = MediaFolder(folder)
    elif media_root.is_dir():
        media = MediaFolder(media_root, follow_links=True)
    else:
        raise SamplesError(f"--vlm-media-root {media_root} is not a folder")
    return Dataset(CheckedTable(table, RowParser(media)))


def _table(source: Path | str) -> tuple[Table[Any], Path]:
    """The table, and the folder of its pictures."""
    if str(source).startswith(PREFIX):
        return hub_table(str(source))
    path = Path(source)
    if not path.is_dir():
        return _file(path), path.parent
    if is_saved_dataset(path):
        return saved_table(path), path
    metadata = _find_metadata(path)
    return _file(metadata), metadata.parent


def _file(path: Path) -> Table[Any]:
    match path.suffix.lower():
        case ".csv" | ".tsv":
            return CsvTable(path)
        case ".parquet":
            return parquet_table(path)
    return JsonlTable(path, as_columns=path.name in METADATA)


def _find_metadata(folder: Path) -> Path:
    """The metadata file of a folder of pictures, or of the one split below it.

    The layout is that of ``imagefolder`` in the library ``datasets``.

    Raises:
        SamplesError: there is none, or more than one.
    """
    found = _metadata(folder)
    if not found:
        with os.scandir(folder) as entries:
            names = sorted(entry.name for entry in entries if entry.is_dir())
        splits = {name: found for name in names if (found := _metadata(folder / name))}
        if len(splits) > 1:
            raise SamplesError(
                f"{folder} has the splits {', '.join(splits)}; choose one: "
                f"--vlm-samples {folder / next(iter(splits))}"
            )
        found = next(iter(splits.values()), [])
    if not found:
        raise SamplesError(
            f"{folder} is a folder without {', '.join(METADATA)}; write one row for each question "
            'into it, such as {"file_name": "cat.png", "question": "What?", "answer": "a cat"}'
        )
    if len(found) > 1:
        raise SamplesError(f"{found[0]} and {found[1].name} cannot both be the metadata; keep one")
    return found[0]


def _metadata(folder: Path) -> list[Path]:
    return [folder / name for name in METADATA if (folder / name).is_file()]
