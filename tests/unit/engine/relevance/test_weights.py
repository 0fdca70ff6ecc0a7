"""Attention weights of rows, for every shape of mask that a kernel is given."""

from __future__ import annotations

import pytest
import torch

from pytest_vlm.engine.relevance import weights
from pytest_vlm.engine.relevance.capture import Attended
from pytest_vlm.engine.relevance.weights import look_back, row_weights

BATCH, HEADS, GROUPS, LENGTH, WIDTH = 2, 4, 2, 7, 8
ROWS = torch.tensor([[6, 2], [4, 0]])


def attended(**changes):
    generator = torch.Generator().manual_seed(0)
    given = {
        "query": torch.randn(BATCH, HEADS, LENGTH, WIDTH, generator=generator),
        "key": torch.randn(BATCH, GROUPS, LENGTH, WIDTH, generator=generator),
        "mask": None,
        "scaling": 0.5,
        "softcap": None,
        "window": None,
        "causal": True,
    }
    return Attended(**{**given, **changes})


def by_hand(given, seen):
    """(batch, heads, r, length) of a (batch, heads or 1, length, length) boolean mask."""
    keys = given.key.repeat_interleave(HEADS // GROUPS, dim=1)
    scores = given.query @ keys.transpose(2, 3) * given.scaling
    if given.softcap:
        scores = torch.tanh(scores / given.softcap) * given.softcap
    every = scores.masked_fill(~seen, float("-inf")).softmax(-1)
    return torch.stack([every[sample][:, rows] for sample, rows in enumerate(ROWS)])


def found(given):
    pieces = torch.zeros(BATCH, GROUPS, HEADS // GROUPS, ROWS.shape[1], LENGTH)
    for piece in row_weights(given, ROWS):
        pieces[:, piece.groups, :, piece.rows] = piece.weights
    return pieces.flatten(1, 2)


PLACES = torch.arange(LENGTH)
CAUSAL = (PLACES[None] <= PLACES[:, None]).expand(BATCH, 1, -1, -1)
NEAR = CAUSAL & (PLACES[None] > PLACES[:, None] - 3)
PADDED = torch.tensor([[0, 0, 1, 1, 1, 1, 1], [1, 1, 1, 1, 1, 1, 0]])
OF_HEADS = CAUSAL.expand(-1, HEADS, -1, -1).clone()
OF_HEADS[:, 1, :, 3] = False
OF_HEADS[:, 1, 3, 3] = True


@pytest.mark.parametrize("at_once", [1, 40, 2**22])
@pytest.mark.parametrize(
    ("changes", "seen"),
    [
        ({}, CAUSAL),
        ({"causal": False}, torch.ones_like(CAUSAL)),
        ({"softcap": 0.7}, CAUSAL),
        ({"window": 3}, NEAR),
        ({"mask": NEAR}, NEAR),
        ({"mask": NEAR[:1]}, NEAR),
        ({"mask": torch.zeros(NEAR.shape).masked_fill(~NEAR, -1e38)}, NEAR),
        ({"mask": OF_HEADS}, OF_HEADS),
        ({"mask": PADDED}, CAUSAL & PADDED.bool()[:, None, None]),
    ],
)
def test_rows_are_those_of_the_whole_matrix(monkeypatch, at_once, changes, seen):
    monkeypatch.setattr(weights, "AT_ONCE", at_once)
    given = attended(**changes)
    expected = by_hand(given, seen).nan_to_num(0)
    at = torch.stack([s.expand(HEADS, -1, -1)[:, rows] for s, rows in zip(seen, ROWS, strict=True)])
    sees_something = at.any(-1, keepdim=True)
    assert torch.allclose(found(given) * sees_something, expected, atol=1e-6)


def test_a_row_of_padding_is_finite():
    nothing = torch.zeros(BATCH, 1, LENGTH, LENGTH, dtype=torch.bool)
    assert found(attended(mask=nothing)).isfinite().all()


def test_half_precision_is_computed_in_single():
    given = attended()
    halves = attended(query=given.query.bfloat16(), key=given.key.bfloat16())
    singles = attended(query=halves.query.float(), key=halves.key.float())
    assert torch.equal(found(halves), found(singles))


def test_looking_back_is_the_weighted_mean_over_heads():
    given, shares = attended(), torch.tensor([[0.25, 0.75], [1.0, 0.0]])
    expected = torch.einsum("bhrl,br->bl", by_hand(given, CAUSAL), shares) / HEADS
    assert torch.allclose(look_back(given, ROWS, shares), expected, atol=1e-6)
