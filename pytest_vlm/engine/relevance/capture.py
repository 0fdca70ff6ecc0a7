"""Queries, keys and values on their way into the attention kernel, whichever kernel that is.

Fused kernels return no attention weights, and eager attention holds those of all layers at once.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from transformers import AttentionInterface, PreTrainedModel
from transformers.masking_utils import ALL_MASK_ATTENTION_FUNCTIONS, AttentionMaskInterface
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

from pytest_vlm.errors import RelevanceUnavailable

CAPTURE = "pytest_vlm_capture"


@dataclass(frozen=True, kw_only=True)
class Attended:
    """What decides one layer's attention weights.

    Attributes:
        query: (batch, heads, length, width).
        key: (batch, groups, length, width), one for several heads.
        mask: (batch or 1, 1 or heads, length, length) as a boolean or to be added, (batch, length)
            of what is no padding, or None where it is causal.
        scaling: of the scores.
        softcap: scores are kept within, or None.
        window: a token sees so many, itself included; None for all before it.
        causal: whether a token sees none behind it, where the mask does not say.
    """

    query: torch.Tensor
    key: torch.Tensor
    mask: torch.Tensor | None
    scaling: float
    softcap: float | None
    window: int | None
    causal: bool


Watcher = Callable[[Attended, torch.Tensor, torch.Tensor], torch.Tensor | None]
"""Given also the values, (batch, groups, length, width), and the output, (batch, length, heads,
width); returns what is to be used in place of the output, or None."""

WATCHED: ContextVar[tuple[frozenset[int], Watcher]] = ContextVar("watched attention layers")


def decoder_attention(model: PreTrainedModel) -> list[torch.nn.Module]:
    """The attention modules of the text decoder's layers, from the first to the last."""
    text = model.config.get_text_config(decoder=True)
    layers = [
        module
        for module in model.modules()
        if isinstance(getattr(module, "layer_idx", None), int)
        and getattr(module, "config", None) is text
        and type(module).__name__.endswith("Attention")
    ]
    return sorted(layers, key=layer_number)


def layer_number(layer: torch.nn.Module) -> int:
    """Of a layer in its decoder, from 0."""
    return int(layer.layer_idx)  # type: ignore[arg-type]


@contextmanager
def watch_attention(
    model: PreTrainedModel, layers: Sequence[torch.nn.Module], watcher: Watcher
) -> Iterator[None]:
    """While active, a forward pass of this thread shows the watcher what the layers attend to.

    Args:
        model: restored on exit.
        layers: some of `decoder_attention`.
        watcher: told of each.
    """
    text = model.config.get_text_config(decoder=True)
    kernel = text._attn_implementation
    watched = WATCHED.set((frozenset(map(id, layers)), watcher))
    text._attn_implementation = _register(kernel)
    try:
        yield
    finally:
        text._attn_implementation = kernel
        WATCHED.reset(watched)  # or it would hold what the watcher holds


def _register(kernel: str) -> str:
    """The name of a kernel that computes as this one does, and shows what it computes."""
    name = f"{CAPTURE}_{kernel}"
    AttentionInterface.register(name, partial(_attend, kernel))
    AttentionMaskInterface.register(name, ALL_MASK_ATTENTION_FUNCTIONS[kernel])
    return name


def _attend(
    kernel: str,
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    **options: Any,
) -> Any:
    layers, watcher = WATCHED.get()
    if id(module) in layers and not isinstance(attention_mask, torch.Tensor | None):
        raise RelevanceUnavailable(
            f"its attention ({kernel}) has a mask that cannot be read "
            f"({type(attention_mask).__name__}); load it with ?attention=sdpa"
        )
    eager: Any = getattr(sys.modules[type(module).__module__], "eager_attention_forward", None)
    forward = ALL_ATTENTION_FUNCTIONS.get_interface(kernel, eager)
    output, weights = forward(module, query, key, value, attention_mask, **options)
    if id(module) in layers:
        attended = Attended(
            query=query,
            key=key,
            mask=attention_mask,
            scaling=options.get("scaling") or query.shape[-1] ** -0.5,
            softcap=options.get("softcap"),
            window=options.get("sliding_window"),
            causal=bool(getattr(module, "is_causal", True)),
        )
        instead = watcher(attended, value, output)
        output = output if instead is None else instead
    return output, weights
