"""Parquet files, read batch by batch."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from itertools import accumulate
from pathlib import Path

from pytest_vlm.data.arrow import BATCH_ROWS, ArrowTable, Row, missing_library
from pytest_vlm.data.stamp import StampedFile
from pytest_vlm.errors import SamplesError

BUFFER = 2**20


def parquet_table(path: Path) -> ArrowTable:
    """The table of a parquet file; reading may begin at any of its row groups.

    Raises:
        SamplesError: it cannot be read, or pyarrow is not installed.
    """
    try:
        import pyarrow as pa
        from pyarrow.parquet import ParquetFile
    except ImportError:
        raise missing_library("pyarrow") from None

    stamped = StampedFile.of(path)
    try:  # without a buffer a whole column of a row group is read at once
        file = ParquetFile(path, buffer_size=BUFFER, pre_buffer=False)
    except (pa.ArrowException, OSError) as error:
        raise SamplesError(f"{path} is not a parquet file: {error}") from error
    groups = range(file.num_row_groups)
    starts = [0, *accumulate(file.metadata.row_group(group).num_rows for group in groups)]

    def group_of(position: int) -> int:
        return bisect_right(starts, position) - 1

    def batches(start: int, columns: list[str]) -> Iterator[list[Row]]:
        wanted = list(groups[group_of(start) :])
        try:  # in one thread: each one keeps memory of its own
            for batch in file.iter_batches(
                BATCH_ROWS, row_groups=wanted, columns=columns, use_threads=False
            ):
                stamped.check()
                rows = batch.to_pylist()
                start += len(rows)
                yield rows
        except (pa.ArrowException, OSError, ValueError) as error:
            raise SamplesError(f"{path}, after row {start}: {error}") from error

    return ArrowTable(
        name=str(path),
        schema=file.schema_arrow,
        begin=lambda position: starts[group_of(position)],
        batches=batches,
    )
