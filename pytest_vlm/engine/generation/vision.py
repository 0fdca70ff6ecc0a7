"""The vision tower runs once for each picture of a batch, however many questions are about it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch


def encode_pictures(model: Any, inputs: dict[str, torch.Tensor], order: Sequence[int]) -> Any:
    """Features of a batch's pictures, each computed once.

    Args:
        model: a loaded model of transformers.
        inputs: of the batch, with every picture as often as it is shown.
        order: which of the distinct pictures is shown at each place.

    Returns:
        What ``generate(mm_encoder_outputs={"image": ...})`` takes; None where the model does not
        take pictures one by one, or there are none.
    """
    distinct = max(order, default=-1) + 1
    if distinct == 0 or not _takes_features(model):
        return None
    pixels = _pixels_once(inputs, [order.index(picture) for picture in range(distinct)], len(order))
    if pixels is None:
        return None
    encoded = model.base_model.get_image_features(**pixels, return_dict=True)
    encoded.pooler_output = _spread(encoded.pooler_output, order, distinct)
    if encoded.pooler_output is None:
        return None
    layers = getattr(encoded, "deepstack_features", None)
    if layers is not None:
        encoded.deepstack_features = [_spread(layer, order, distinct) for layer in layers]
        if any(layer is None for layer in encoded.deepstack_features):
            return None
    return encoded


def _takes_features(model: Any) -> bool:
    supports = getattr(model, "_supports_mm_encoder_outputs", None)
    return supports is not None and supports() and hasattr(model.base_model, "get_image_features")


def _pixels_once(
    inputs: dict[str, torch.Tensor], first: Sequence[int], places: int
) -> dict[str, torch.Tensor] | None:
    pixels, grids = inputs["pixel_values"], inputs.get("image_grid_thw")
    if grids is not None:
        patches = torch.split(pixels, grids.prod(-1).tolist())
        chosen = torch.tensor(first, device=grids.device)
        return {
            "pixel_values": torch.cat([patches[place] for place in first]),
            "image_grid_thw": grids[chosen],
        }
    if pixels.dim() == 4 and len(pixels) == places:
        return {"pixel_values": pixels[torch.tensor(first, device=pixels.device)]}
    return None


def _spread(features: Any, order: Sequence[int], distinct: int) -> Any:
    if isinstance(features, list | tuple) and len(features) == distinct:
        return tuple(features[picture] for picture in order)
    if torch.is_tensor(features) and features.dim() == 3 and len(features) == distinct:
        return features[torch.tensor(order, device=features.device)]
    return None
