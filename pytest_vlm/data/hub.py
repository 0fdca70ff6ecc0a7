"""Datasets of the library ``datasets``: from the hub, or saved to a folder."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from pytest_vlm.data.arrow import BATCH_ROWS, ArrowTable, Row, missing_library
from pytest_vlm.errors import SamplesError

PREFIX = "hf:"
SAVED = ("dataset_dict.json", "state.json")


@dataclass(frozen=True, kw_only=True)
class HubName:
    """``hf:NAME[@REVISION][[:CONFIG]:SPLIT]``, as in ``hf:MMMU/MMMU:Accounting:validation``."""

    name: str
    revision: str | None = None
    config: str | None = None
    split: str | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Take it apart.

        Raises:
            SamplesError: it is something else.
        """
        found = re.fullmatch(r"hf:([^:@]+)(?:@([^:]+))?(?:(?::([^:]+))?:([^:]+))?", text)
        if found is None:
            raise SamplesError(
                f"{text!r} is not a dataset's name; write hf:NAME[@REVISION][[:CONFIG]:SPLIT], "
                "such as hf:MMMU/MMMU:Accounting:validation"
            )
        name, revision, config, split = found.groups()
        return cls(name=name, revision=revision, config=config, split=split)

    @property
    def without_split(self) -> str:
        """As it is written, up to the split."""
        revision = f"@{self.revision}" if self.revision else ""
        return f"{PREFIX}{self.name}{revision}" + (f":{self.config}" if self.config else "")


def hub_table(text: str) -> tuple[ArrowTable, Path]:
    """The table of a dataset on the hub, and the folder below which its pictures lie.

    The library downloads it at the first use and reads it from its cache from then on.

    Raises:
        SamplesError: no such dataset, configuration or split, or the library is not installed.
    """
    wanted = HubName.parse(text)
    datasets = _library()
    try:
        found = datasets.load_dataset(
            wanted.name, wanted.config, split=wanted.split, revision=wanted.revision
        )
    except Exception as error:  # it raises many kinds, all of them about what was asked for
        raise SamplesError(f"cannot load the dataset {text}: {error}") from error
    dataset = _only_split(found, datasets, lambda split: f"{wanted.without_split}:{split}")
    folder = Path(wanted.name)
    root = folder if folder.is_dir() else Path(datasets.config.HF_CACHE_HOME)
    return _table(dataset, text), root


def is_saved_dataset(folder: Path) -> bool:
    """Whether `Dataset.save_to_disk` of the library wrote this folder."""
    return any((folder / name).is_file() for name in SAVED)


def saved_table(folder: Path) -> ArrowTable:
    """The table of a dataset that was saved to disk.

    Raises:
        SamplesError: it cannot be read, has several splits, or the library is not installed.
    """
    datasets = _library()
    try:
        found = datasets.load_from_disk(str(folder))
    except Exception as error:  # as above
        raise SamplesError(f"cannot load the dataset {folder}: {error}") from error
    dataset = _only_split(found, datasets, lambda split: str(folder / split))
    return _table(dataset, str(folder))


def _library() -> Any:
    try:
        import datasets
    except ImportError:
        raise missing_library("datasets") from None
    return datasets


def _only_split(found: Any, datasets: Any, spelled: Callable[[str], str]) -> Any:
    if not isinstance(found, datasets.DatasetDict):
        return found
    if len(found) > 1:
        raise SamplesError(
            f"the dataset has the splits {', '.join(found)}; choose one: "
            f"--vlm-samples {spelled(next(iter(found)))}"
        )
    return next(iter(found.values()))


def _table(dataset: Any, name: str) -> ArrowTable:
    arrow = dataset.with_format("arrow")
    labels = {
        column: feature.names
        for column, feature in dataset.features.items()
        if type(feature).__name__ == "ClassLabel"
    }

    def batches(start: int, columns: list[str]) -> Iterator[list[Row]]:
        chosen = arrow.select_columns(columns)
        for begin in range(start, len(chosen), BATCH_ROWS):
            try:
                rows: list[Row] = chosen[begin : begin + BATCH_ROWS].to_pylist()
                named = [_named(row, labels) for row in rows]
            except Exception as error:  # damaged files; a class without a name
                raise SamplesError(f"{name}, after row {begin}: {error}") from error
            yield named

    return ArrowTable(
        name=name,
        schema=arrow.data.schema,
        begin=lambda position: position // BATCH_ROWS * BATCH_ROWS,
        batches=batches,
    )


def _named(row: Row, labels: dict[str, list[str]]) -> Row:
    """Numbers of classes become their names."""
    named = {c: names[row[c]] for c, names in labels.items() if row.get(c) is not None}
    return row | named
