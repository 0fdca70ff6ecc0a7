"""Relevance of a batch's tokens, put on the pictures that they were shown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pytest_vlm.engine.generation.prompting import EncodedBatch
from pytest_vlm.engine.relevance.placing.cells import token_boxes
from pytest_vlm.engine.relevance.placing.shown import Shown
from pytest_vlm.heatmap.heatmap import Heatmap


def place_maps(
    relevance: NDArray[Any],
    visual: NDArray[Any],
    batch: EncodedBatch,
    places: Sequence[Sequence[tuple[int, int]]],
    processor: Any,
    *,
    method: str,
) -> list[Heatmap]:
    """One map a sample; cells may overlap, where tiles and the whole picture are both shown.

    Args:
        relevance: (batch, length), of each token of the prompt.
        visual: (batch, length), which tokens stand for a picture.
        batch: what the model was shown.
        places: for each sample the media and frame of each picture.
        processor: made the pictures into pixel values.
        method: that made the values.

    Raises:
        RelevanceUnavailable: the tokens could not be located.
    """
    shown = Shown(
        inputs=batch.inputs, visual=visual.astype(bool), sizes=batch.sizes, processor=processor
    )
    maps = []
    for row, boxes in enumerate(token_boxes(shown)):
        cells, values = np.concatenate(boxes), relevance[row][shown.visual[row]]
        seen = np.repeat(np.array(places[row]), [len(picture) for picture in boxes], axis=0)
        placed = np.isfinite(cells[:, 0])
        media, frame = seen[placed].T
        maps.append(
            Heatmap.of_cells(values[placed], cells[placed], media=media, frame=frame, method=method)
        )
    return maps
