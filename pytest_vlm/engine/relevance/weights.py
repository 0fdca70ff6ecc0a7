"""Attention weights of some rows, computed a piece at a time from queries and keys."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch

from pytest_vlm.engine.relevance.capture import Attended

AT_ONCE = 2**22  # scores; their softmax, and the keys in float32, are as many again


class Piece(NamedTuple):
    """The weights of some heads and rows.

    Attributes:
        groups: which of the key's heads.
        rows: which columns of the rows that were asked for.
        weights: (batch, groups, heads a group, rows, length) float32; each row sums to 1.
    """

    groups: slice
    rows: slice
    weights: torch.Tensor


def row_weights(attended: Attended, rows: torch.Tensor) -> Iterator[Piece]:
    """The weights of (batch, r) rows; no more than about `AT_ONCE` are held at a time.

    Heads that share keys are multiplied with them as one matrix, so that no key is copied for them.
    """
    batch, groups, length, width = attended.key.shape
    heads = attended.query.shape[1]
    shared = heads // groups
    one_row = batch * shared * length
    tall = min(rows.shape[1], max(1, AT_ONCE // one_row))
    many = min(groups, max(1, AT_ONCE // (tall * one_row + batch * length * width)))
    for top in range(0, rows.shape[1], tall):
        wanted = rows[:, top : top + tall]
        hidden = _hidden(attended, wanted)
        here = torch.arange(batch, device=rows.device)[:, None]
        query = attended.query.transpose(1, 2)[here, wanted].transpose(1, 2)
        query = query.reshape(batch, groups, -1, width)  # the rows of heads that share a key
        for first in range(0, groups, many):
            some = slice(first, min(first + many, groups))
            scores = query[:, some].float() @ attended.key[:, some].float().transpose(2, 3)
            scores = scores.view(batch, -1, shared, wanted.shape[1], length)
            scores *= attended.scaling
            if attended.softcap:
                scores = torch.tanh(scores / attended.softcap) * attended.softcap
            if hidden.shape[1] == 1:
                scores += hidden[:, :, None]
            else:
                scores += hidden.view(batch, groups, shared, *hidden.shape[2:])[:, some]
            yield Piece(some, slice(top, top + tall), scores.softmax(-1))
            del scores


def look_back(attended: Attended, rows: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """What (batch, r) rows attend to, the mean over heads, as their weighted sum.

    Args:
        attended: of one layer.
        rows: (batch, r) positions.
        weights: (batch, r) of the rows.

    Returns:
        (batch, length) float32.
    """
    seen = weights.new_zeros(len(rows), attended.key.shape[2])
    for piece in row_weights(attended, rows):
        seen += torch.einsum("bngrl,br->bl", piece.weights, weights[:, piece.rows])
    return seen / attended.query.shape[1]


def _hidden(attended: Attended, rows: torch.Tensor) -> torch.Tensor:
    """(batch, 1 or heads, r, length), to be added: 0 where a row may look, else very little.

    Not minus infinity: a row of padding sees nothing, and would be NaN.
    """
    mask, (batch, _, length, _) = attended.mask, attended.key.shape
    if mask is not None and mask.dim() == 4:
        every = mask.expand(batch, -1, -1, -1)
        here = torch.arange(batch, device=rows.device)[:, None]
        chosen = every[here, :, rows].transpose(1, 2)[..., :length]
        if chosen.dtype != torch.bool:
            return chosen.float()
        return _very_little(~chosen)
    place = torch.arange(length, device=rows.device)
    unseen = torch.zeros(*rows.shape, length, dtype=torch.bool, device=rows.device)
    if attended.causal:
        unseen |= place > rows[..., None]
    if attended.window is not None:
        unseen |= place <= rows[..., None] - attended.window
    if mask is not None:
        unseen |= mask[:, None, :length] == 0
    return _very_little(unseen[:, None])


def _very_little(unseen: torch.Tensor) -> torch.Tensor:
    nothing = torch.zeros(unseen.shape, device=unseen.device)
    return nothing.masked_fill_(unseen, torch.finfo(torch.float32).min)
