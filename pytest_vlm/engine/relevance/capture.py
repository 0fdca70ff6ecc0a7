"""Attention of answer tokens to the prompt, under any attention kernel.

Fused kernels return no attention weights. The chosen layers' queries and keys are seen on their way
into the kernel, and the softmax is computed for the answer's rows alone: O(rows x length) memory.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from transformers import AttentionInterface, PreTrainedModel
from transformers.masking_utils import ALL_MASK_ATTENTION_FUNCTIONS, AttentionMaskInterface
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

CAPTURE = "pytest_vlm_capture"


def decoder_attention(model: PreTrainedModel, last: int) -> list[torch.nn.Module]:
    """The attention modules of the text decoder's last layers, in order."""
    text = model.config.get_text_config(decoder=True)
    layers = [
        module
        for module in model.modules()
        if isinstance(getattr(module, "layer_idx", None), int)
        and getattr(module, "config", None) is text
        and type(module).__name__.endswith("Attention")
    ]
    return sorted(layers, key=lambda module: int(module.layer_idx))[-last:]  # type: ignore[arg-type]


@contextmanager
def capture_rows(
    model: PreTrainedModel, layers: list[torch.nn.Module], rows: torch.Tensor
) -> Iterator[list[torch.Tensor]]:
    """While active, a forward pass leaves one tensor for each layer in the yielded list.

    Args:
        model: restored on exit.
        layers: of `decoder_attention`.
        rows: (batch, r) positions of the queries to look at.

    Yields:
        (batch, r, length) attention weights, the mean over heads, float32.
    """
    text = model.config.get_text_config(decoder=True)
    kernel = text._attn_implementation
    captured: list[torch.Tensor] = []

    def attend(
        module: torch.nn.Module,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        attention_mask: torch.Tensor | None,
        **options: Any,
    ) -> Any:
        if any(module is layer for layer in layers):
            captured.append(_weights(query, key, attention_mask, rows, options))
        eager: Any = getattr(sys.modules[type(module).__module__], "eager_attention_forward", None)
        forward = ALL_ATTENTION_FUNCTIONS.get_interface(kernel, eager)
        return forward(module, query, key, value, attention_mask, **options)

    AttentionInterface.register(CAPTURE, attend)
    AttentionMaskInterface.register(CAPTURE, ALL_MASK_ATTENTION_FUNCTIONS[kernel])
    text._attn_implementation = CAPTURE
    try:
        yield captured
    finally:
        text._attn_implementation = kernel


def _weights(
    query: torch.Tensor,
    key: torch.Tensor,
    mask: torch.Tensor | None,
    rows: torch.Tensor,
    options: dict[str, Any],
) -> torch.Tensor:
    batch, heads, length, width = query.shape
    index = rows[:, None, :, None].expand(batch, heads, -1, width)
    q = query.gather(2, index).float()
    k = key.repeat_interleave(heads // key.shape[1], dim=1).float()
    scaling = options.get("scaling") or width**-0.5
    scores = q @ k.transpose(2, 3) * scaling
    if options.get("softcap"):
        scores = options["softcap"] * torch.tanh(scores / options["softcap"])
    if mask is not None and mask.dim() == 4:
        chosen = mask.expand(batch, mask.shape[1], length, -1).gather(
            2, rows[:, None, :, None].expand(batch, mask.shape[1], -1, mask.shape[-1])
        )[..., : key.shape[2]]
        if chosen.dtype == torch.bool:
            scores = scores.masked_fill(~chosen, float("-inf"))
        else:
            scores = scores + chosen
    else:
        later = torch.arange(key.shape[2], device=rows.device) > rows[..., None]
        if mask is not None:
            later = later | (mask[:, None, :] == 0)
        scores = scores.masked_fill(later[:, None], float("-inf"))
    weights: torch.Tensor = scores.softmax(-1).mean(1)
    return weights
