"""Result tables of VLMEvalKit: ``MODEL_DATASET.xlsx``, ``.tsv``, ``.csv`` or ``.json``."""

from __future__ import annotations

import csv
import json
import sys
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pytest_vlm.errors import LogError
from pytest_vlm.logs.archives import check_archive
from pytest_vlm.logs.entries import Entry, numbers
from pytest_vlm.logs.lines import field, image_of

OPTIONS = "ABCDEFGH"
NO_METRIC = frozenset(
    [*OPTIONS, "index", "question", "answer", "prediction", "hint", "image", "image_path", "id"]
)
FAILED = "Failed to obtain answer"
SEPARATORS = {".tsv": "\t", ".csv": ","}


def recognises(record: Mapping[str, Any]) -> bool:
    """Whether it is a row of such a table."""
    return {"index", "question", "prediction"} <= record.keys()


def entries(record: dict[str, Any], where: str, cluster: str) -> Iterator[Entry]:
    """The entry of a row.

    Raises:
        LogError: a row without index, question or prediction.
    """
    if not recognises(record):
        raise LogError(f"{where}: it has no 'index', 'question' and 'prediction'")
    index, answer, prediction = (_cell(record.get(n)) for n in ("index", "answer", "prediction"))
    if not index:
        raise LogError(f"{where}: it has no index")
    values = {name: _number(v) for name, v in record.items() if name not in NO_METRIC}
    yield Entry(
        where=where,
        id=index,
        question=_cell(record["question"]),
        targets=(answer,) if answer else (),
        answers=() if prediction.startswith(FAILED) else (prediction,),
        choices=tuple(filter(None, (_cell(record.get(option)) for option in OPTIONS))),
        recorded=numbers(values),
        cluster=field(record, cluster, where) if cluster else image_of(record),
    )


def table(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Where each row stands, and its cells by the names of the columns.

    Raises:
        LogError: it cannot be read.
    """
    if path.suffix == ".xlsx":
        yield from _sheet(path)
        return
    csv.field_size_limit(min(sys.maxsize, 2**31 - 1))  # pictures stand in cells
    try:
        with path.open(encoding="utf-8-sig", newline="", errors="strict") as file:
            reader = csv.DictReader(file, delimiter=SEPARATORS[path.suffix], strict=True)
            for row in reader:
                where = f"{path}, line {reader.line_num}"
                if None in row or None in row.values():
                    count = len(reader.fieldnames or ())
                    raise LogError(f"{where}: it has not the {count} cells of the first line")
                yield where, dict(row)
    except (csv.Error, UnicodeDecodeError, OSError) as error:
        raise LogError(f"{path} is no table in UTF-8 ({error})") from error


def _sheet(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    try:
        from openpyxl import load_workbook
    except ImportError:
        raise LogError(f"{path} needs openpyxl: pip install 'pytest-vlm[logs]'") from None
    try:
        with zipfile.ZipFile(path) as archive:
            check_archive(archive, path)
        book = load_workbook(path, read_only=True, data_only=True)
        rows = book.worksheets[0].iter_rows(values_only=True)
        header = [str(name) for name in next(rows, ())]
        for number, row in enumerate(rows, 2):
            yield f"{path}, row {number}", dict(zip(header, row, strict=False))
    except LogError:
        raise
    except Exception as error:  # openpyxl raises whatever its parsers do
        raise LogError(f"{path} is no workbook that can be read ({error})") from error


def whole(path: Path) -> object:
    """The content of a JSON file.

    Raises:
        LogError: it is none.
    """
    try:
        return json.loads(path.read_text("utf-8-sig"))
    except OSError as error:
        raise LogError(f"cannot read {path}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise LogError(f"{path}: not valid JSON ({error}); was the run interrupted?") from error


def rows(path: Path, content: object) -> Iterator[tuple[str, dict[str, Any]]]:
    """The rows of a table that was written as a JSON list, or column by column."""
    found = content if isinstance(content, list) else []
    if isinstance(content, dict):
        columns = {name: cells for name, cells in content.items() if isinstance(cells, dict)}
        numbered = dict.fromkeys(number for cells in columns.values() for number in cells)
        found = [{name: cells.get(i) for name, cells in columns.items()} for i in numbered]
    for number, row in enumerate(found, 1):
        if not isinstance(row, dict):
            raise LogError(f"{path}, row {number}: expected an object")
        yield f"{path}, row {number}", row


def _cell(value: object) -> str:
    """A cell in words; an empty one is None, or NaN in JSON."""
    return "" if value is None or value != value else str(value)


def _number(value: object) -> object:
    try:
        return float(value) if isinstance(value, str) else value
    except ValueError:
        return value
