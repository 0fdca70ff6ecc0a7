"""The dataset of a run: cut to the limit where there is one, shuffled for early stopping."""

from __future__ import annotations

from pytest_vlm.data import open_dataset
from pytest_vlm.evaluation import shuffling
from pytest_vlm.evaluation.dataset import Dataset
from pytest_vlm.settings import Settings


def open_samples(settings: Settings) -> Dataset | None:
    """What the settings name; None where they name none.

    Raises:
        SamplesError: it is not usable.
    """
    if settings.samples is None:
        return None
    given = open_dataset(settings.samples, media_root=settings.media_root)[: settings.limit]
    return given if settings.sequential is None else shuffling.shuffled(given)
