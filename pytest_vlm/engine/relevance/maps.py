"""Attention of a batch's rows, put on the pictures that they were shown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pytest_vlm.engine.generation.prompting import EncodedBatch
from pytest_vlm.engine.relevance.cells import picture_grids, token_heatmap
from pytest_vlm.errors import RelevanceUnavailable
from pytest_vlm.heatmap.heatmap import Heatmap


def place_maps(
    attention: np.ndarray[Any, Any],
    visual: np.ndarray[Any, Any],
    batch: EncodedBatch,
    places: Sequence[Sequence[tuple[int, int]]],
    processor: Any,
) -> list[Heatmap]:
    """One map a sample.

    Args:
        attention: (batch, length), of the answer to each token of the prompt.
        visual: (batch, length), which tokens stand for a picture.
        batch: what the model was shown.
        places: for each sample the media and frame of each picture.
        processor: made the pictures into pixel values.

    Raises:
        RelevanceUnavailable: the tokens do not divide among the pictures.
    """
    grids = picture_grids(batch.inputs, sum(map(len, batch.sizes)), processor)
    maps = []
    for row, sizes in enumerate(batch.sizes):
        values = attention[row][visual[row]]
        own, grids = grids[: len(sizes)], grids[len(sizes) :]
        if None in own and values.size % len(sizes):
            raise RelevanceUnavailable(f"{values.size} image tokens for {len(sizes)} pictures")
        maps.append(token_heatmap(values, sizes, own, places[row], processor))
    return maps
