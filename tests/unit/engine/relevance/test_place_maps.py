"""Values of a prompt's tokens on the cells of their pictures."""

from __future__ import annotations

import numpy as np
import torch

from pytest_vlm.engine.generation.prompting import EncodedBatch
from pytest_vlm.engine.relevance.maps import place_maps

IMAGE, WORD = 1, 7


def test_every_value_lies_in_the_cell_of_its_token():
    # A class token and 2x2 patches a picture; two pictures, then one behind the padding.
    picture = [IMAGE] * 5
    ids = torch.tensor([[WORD, *picture, WORD, *picture], [0] * 5 + [WORD] * 2 + picture])
    batch = EncodedBatch(
        inputs={"input_ids": ids, "pixel_values": torch.ones(3, 3, 8, 8)},
        sizes=(((20, 10), (4, 8)), ((6, 6),)),
        order=(0, 1, 2),
        thinking=(False, False),
    )
    attention = np.arange(24, dtype=np.float32).reshape(2, 12)
    processor = type("SiglipImageProcessor", (), {})()
    places = [[(0, 0), (1, 0)], [(0, 3)]]
    first, second = place_maps(
        attention, ids.eq(IMAGE).numpy(), batch, places, processor, method="m"
    )
    assert first.values.tolist() == [2, 3, 4, 5, 8, 9, 10, 11]
    assert first.boxes[1].tolist() == [10, 0, 20, 5]
    assert first.boxes[6].tolist() == [0, 4, 2, 8]
    assert first.media.tolist() == [0] * 4 + [1] * 4
    assert second.values.tolist() == [20, 21, 22, 23]
    assert second.frame.tolist() == [3] * 4
