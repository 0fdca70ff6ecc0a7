"""Attention of the answer to the pictures, as the last layers pay it, and through all layers.

Rollout: Abnar & Zuidema 2020, "Quantifying Attention Flow in Transformers".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from pytest_vlm.engine.relevance.capture import (
    Attended,
    Watcher,
    decoder_attention,
    layer_number,
    watch_attention,
)
from pytest_vlm.engine.relevance.likelihood import read
from pytest_vlm.engine.relevance.method import Relevance
from pytest_vlm.engine.relevance.reading import Reading
from pytest_vlm.engine.relevance.weights import look_back
from pytest_vlm.errors import RelevanceUnavailable

LAST = 2


@torch.inference_mode()
def attention(model: Any, reading: Reading) -> Relevance:
    """Mean over heads and the last layers of what the explained tokens' rows attend to."""
    layers = attention_layers(model)[-LAST:]
    seen: list[torch.Tensor] = []

    def note(attended: Attended, value: torch.Tensor, output: torch.Tensor) -> None:
        seen.append(look_back(attended, reading.rows, reading.weights))

    _read_watched(model, reading, layers, note)
    check_all_seen(layers, seen)
    return Relevance(
        values=torch.stack(seen).mean(0), layers=tuple(layer_number(layer) for layer in layers)
    )


@torch.inference_mode()
def rollout(model: Any, reading: Reading) -> Relevance:
    """The explained tokens' rows of the product of all layers' (A + I) / 2.

    From the last layer down it is a row times a matrix, so that neither a product of matrices nor
    any layer's whole matrix is ever held; all layers' queries and keys are.
    """
    layers = attention_layers(model)
    seen: list[Attended] = []

    def keep(attended: Attended, value: torch.Tensor, output: torch.Tensor) -> None:
        seen.append(attended)

    _read_watched(model, reading, layers, keep)
    check_all_seen(layers, seen)
    flow = torch.zeros_like(reading.visual, dtype=torch.float32)
    flow.scatter_add_(1, reading.rows, reading.weights)
    while seen:
        rows = flow.any(0).nonzero()[:, 0].expand(len(flow), -1)
        flow = (flow + look_back(seen.pop(), rows, flow.gather(1, rows))) / 2
    return Relevance(values=flow, layers=tuple(layer_number(layer) for layer in layers))


def attention_layers(model: Any) -> list[torch.nn.Module]:
    """The decoder's attention modules.

    Raises:
        RelevanceUnavailable: there are none that can be watched.
    """
    layers = decoder_attention(model)
    if not layers:
        raise RelevanceUnavailable(
            "its decoder does not use transformers' attention interface; pixel_gradient and "
            "occlusion need none"
        )
    return layers


def check_all_seen(layers: Sequence[torch.nn.Module], seen: Sequence[object]) -> None:
    """A layer that does not use the interface after all must not be missing silently.

    Raises:
        RelevanceUnavailable: one was not seen.
    """
    if len(seen) != len(layers):
        raise RelevanceUnavailable(
            f"its decoder's attention could not be read: {len(seen)} of {len(layers)} layers were "
            "seen"
        )


def _read_watched(
    model: Any, reading: Reading, layers: Sequence[torch.nn.Module], watcher: Watcher
) -> None:
    with watch_attention(model, layers, watcher):
        read(model, reading)
