"""The cells of every image token, found by what the inputs and the image processor hold."""

from __future__ import annotations

from collections.abc import Callable

from pytest_vlm.engine.relevance.placing.anyres import anyres_pictures
from pytest_vlm.engine.relevance.placing.grids import gridded_pictures
from pytest_vlm.engine.relevance.placing.natives import native_pictures
from pytest_vlm.engine.relevance.placing.shown import Boxes, Shown
from pytest_vlm.engine.relevance.placing.squares import square_pictures
from pytest_vlm.engine.relevance.placing.tiles import counted_tiles, marked_tiles
from pytest_vlm.errors import RelevanceUnavailable

OWN_RULES = (
    "crop_to_patches",
    "do_image_splitting",
    "image_grid_pinpoints",
    "max_image_size",
    "max_patches",
    "max_tiles",
    "split_image",
    "tile_size",
)
"""Settings of image processors that cut a picture up; each does it in its own way."""

TEXT_INPUTS = frozenset(
    ("input_ids", "attention_mask", "position_ids", "token_type_ids", "mm_token_type_ids")
)
"""Whatever else a model is given beside its pixels says how a picture was cut."""


def token_boxes(shown: Shown) -> list[list[Boxes]]:
    """For each picture of each sample the boxes of its tokens, in order of the prompt.

    Raises:
        RelevanceUnavailable: the picture is cut in a way that is not known here, or the prompt has
            another number of tokens than its pictures.
    """
    placed = _way(shown)(shown)
    for tokens, boxes in zip(shown.tokens, placed, strict=True):
        expected = sum(map(len, boxes))
        if tokens != expected:
            raise RelevanceUnavailable(
                f"{tokens} image tokens in the prompt, but its {len(boxes)} pictures have "
                f"{expected}"
            )
    return placed


def _way(shown: Shown) -> Callable[[Shown], list[list[Boxes]]]:
    inputs, processor = shown.inputs, shown.processor
    kind = type(processor).__name__
    if "image_grid_thw" in inputs:
        return gridded_pictures
    pixels = inputs.get("pixel_values")
    if pixels is None or pixels.dim() not in (4, 5):
        shape = "no pixel_values" if pixels is None else f"pixel_values {tuple(pixels.shape)}"
        raise RelevanceUnavailable(f"{kind} gives {shape}: its image tokens have no known place")
    if "image_sizes" in inputs and hasattr(processor, "image_grid_pinpoints"):
        return anyres_pictures
    if "image_sizes" in inputs and hasattr(processor, "patch_size"):
        return native_pictures
    # By name, because others have the same settings and cut in another way.
    if kind.startswith(("Idefics3", "SmolVLM")):
        return marked_tiles
    if kind.startswith("GotOcr2"):
        return counted_tiles
    own = [name for name in OWN_RULES if getattr(processor, name, None)]
    own += sorted(set(inputs) - TEXT_INPUTS - {"pixel_values"})
    if own or pixels.dim() != 4 or len(pixels) != shown.pictures:
        how = f"({', '.join(own)})" if own else f"into {len(pixels)} for {shown.pictures}"
        raise RelevanceUnavailable(
            f"{kind} cuts pictures in its own way {how}, which is not known here"
        )
    return square_pictures
