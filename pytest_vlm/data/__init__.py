"""Datasets from files and from the hub, read row by row."""

from pytest_vlm.data.opening import open_dataset

__all__ = ["open_dataset"]
