"""Attention times its gradient: what is looked at, where that makes the answer likelier.

Chefer, Gur & Wolf 2021, "Generic Attention-model Explainability for Interpreting Bi-Modal and
Encoder-Decoder Transformers".
"""

from __future__ import annotations

from typing import Any

import torch

from pytest_vlm.engine.relevance.attention import LAST, attention_layers, check_all_seen
from pytest_vlm.engine.relevance.capture import Attended, layer_number, watch_attention
from pytest_vlm.engine.relevance.likelihood import frozen, log_likelihood
from pytest_vlm.engine.relevance.method import Relevance
from pytest_vlm.engine.relevance.reading import Reading
from pytest_vlm.engine.relevance.weights import row_weights


def grad_attention(model: Any, reading: Reading) -> Relevance:
    """Mean over heads and the last layers of the positive part of A x d log p(answer) / dA.

    A row of the output is A's row times the values, so its gradient times the values is the
    gradient of A's row. Nothing below the first of the layers is differentiated.
    """
    layers = attention_layers(model)[-LAST:]
    seen: list[tuple[Attended, torch.Tensor]] = []
    outputs: list[torch.Tensor] = []

    def note(attended: Attended, value: torch.Tensor, output: torch.Tensor) -> torch.Tensor:
        if not output.requires_grad:
            output = output.detach().requires_grad_()
        seen.append((attended, value))
        outputs.append(output)
        return output

    with frozen(model), watch_attention(model, layers, note):
        likely = log_likelihood(model, reading)
        check_all_seen(layers, seen)
        gradients = torch.autograd.grad(likely.sum(), outputs)
    with torch.no_grad():
        parts = [
            _positive(*layer, gradient, reading)
            for layer, gradient in zip(seen, gradients, strict=True)
        ]
        values = torch.stack(parts).mean(0)
    return Relevance(values=values, layers=tuple(layer_number(layer) for layer in layers))


def _positive(
    attended: Attended, value: torch.Tensor, gradient: torch.Tensor, reading: Reading
) -> torch.Tensor:
    """(batch, length), for one layer, from the gradient of its output."""
    batch, groups, _, width = value.shape
    here = torch.arange(batch, device=gradient.device)[:, None]
    rows = gradient[here, reading.rows].float()
    rows = rows.view(batch, rows.shape[1], groups, -1, width).permute(0, 2, 3, 1, 4)
    total = torch.zeros_like(reading.visual, dtype=torch.float32)
    for piece in row_weights(attended, reading.rows):
        of_output = rows[:, piece.groups, :, piece.rows].flatten(2, 3)
        of_weights = of_output @ value[:, piece.groups].float().transpose(2, 3)
        product = piece.weights * of_weights.view_as(piece.weights)
        shares = reading.weights[:, piece.rows]
        total += torch.einsum("bngrl,br->bl", product.clamp_(min=0), shares)
    return total / attended.query.shape[1]
