"""Which pixel values stand behind which visual token."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch

from pytest_vlm.engine.relevance.reading import Reading
from pytest_vlm.errors import RelevanceUnavailable


@dataclass(frozen=True, kw_only=True)
class TokenPixels:
    """The pixel values of a batch, cut into blocks, one for each visual token that shows a part.

    Attributes:
        located: (batch, length) which tokens have a block; a class token has none. Blocks are in
            the order of these tokens, sample by sample.
        real: (batch, tiles) which tiles are no padding, or None where there is none.
        side: (rows, columns) of blocks in a picture or tile, or None where the pixels are patches
            in the order of the tokens already.
    """

    located: torch.Tensor
    real: torch.Tensor | None
    side: int | None

    @classmethod
    def of(cls, model: Any, reading: Reading) -> TokenPixels:
        """Find them out of the shapes of what the model is given.

        Raises:
            RelevanceUnavailable: there are no pixels, or nobody knows which belong to which token.
        """
        pixels, visual = reading.inputs.get("pixel_values"), reading.visual
        if pixels is None:
            raise RelevanceUnavailable("its inputs hold no pixel_values")
        tokens = int(visual.sum())
        if "image_grid_thw" in reading.inputs:
            if tokens == 0 or len(pixels) % tokens:
                raise RelevanceUnavailable(f"{len(pixels)} patches for {tokens} visual tokens")
            return cls(located=visual, real=None, side=None)
        real = None
        if pixels.dim() == 5:  # tiles of each sample, filled up with black ones
            real = pixels.flatten(2).ne(0).any(-1)
        pictures = len(pixels) if real is None else int(real.sum())
        each, left = divmod(tokens, max(pictures, 1))
        side = math.isqrt(each)
        leading = each - side * side
        known = pixels.dim() in (4, 5) and not left and side > 0 and leading <= 1
        if not known or "image_sizes" in reading.inputs:
            raise RelevanceUnavailable(
                f"{tokens} visual tokens of {pictures} pictures or tiles: which pixels belong to "
                "which token is not known; use attention, rollout or grad_attention"
            )
        located = visual.clone()
        located[visual] = torch.arange(tokens, device=visual.device) % each >= leading
        return cls(located=located, real=real, side=side)

    def blocks(self, pixels: torch.Tensor) -> torch.Tensor:
        """(tokens, values) of pixel values, or of their gradients."""
        if self.side is None:
            return pixels.reshape(int(self.located.sum()), -1)
        return self._cut(self._shown(pixels)).reshape(int(self.located.sum()), -1)

    def put(self, blocks: torch.Tensor, pixels: torch.Tensor) -> torch.Tensor:
        """A copy of the pixel values with other blocks in it."""
        if self.side is None:
            return blocks.reshape(pixels.shape)
        changed = self._shown(pixels).clone()
        cut = self._cut(changed)
        cut.copy_(blocks.reshape(cut.shape))
        if self.real is None:
            return changed
        whole = pixels.clone()
        whole[self.real] = changed
        return whole

    def _shown(self, pixels: torch.Tensor) -> torch.Tensor:
        return pixels if self.real is None else pixels[self.real]

    def _cut(self, shown: torch.Tensor) -> torch.Tensor:
        """(pictures, side, side, channels, height, width), a view.

        What is left over at the right and at the bottom is less than a patch, and nobody sees it.
        """
        side = self.side or 1
        count, channels = shown.shape[:2]
        height, width = (edge // side for edge in shown.shape[-2:])
        whole = shown[..., : side * height, : side * width]
        cut = whole.view(count, channels, side, height, side, width)
        return cut.permute(0, 2, 4, 1, 3, 5)
