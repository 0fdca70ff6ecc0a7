"""Draws that depend on the question alone, not on the batch it is asked in.

Hugging Face's ``generate`` has one random generator for a whole batch. Here every row gets noise of
its own, keyed by seed, question, completion and step, so that a sample's draws are the same in any
batch, on any device, and for both sides of a comparison (common random numbers).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import torch
from transformers import (
    GenerationConfig,
    LogitsProcessor,
    LogitsProcessorList,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

# SplitMix64: Steele, Lea & Flood 2014, "Fast splittable pseudorandom number generators".
GOLDEN_GAMMA = 0x9E3779B97F4A7C15 - (1 << 64)
MIX_1 = 0xBF58476D1CE4E5B9 - (1 << 64)
MIX_2 = 0x94D049BB133111EB - (1 << 64)
MANTISSA = 53


class KeyedGumbel(LogitsProcessor):
    """Adds Gumbel noise, so that the largest logit is a draw from their softmax.

    The Gumbel-max trick: Maddison, Tarlow & Minka 2014, "A* sampling", section 2.

    Args:
        keys: (rows,) int64, of `draw_keys`.
        prompt: length of the padded prompt in tokens; what is behind it counts the steps.
    """

    def __init__(self, keys: torch.Tensor, prompt: int) -> None:
        self._keys = keys
        self._prompt = prompt

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """(rows, vocabulary) logits with noise; -inf stays out of reach."""
        step = input_ids.shape[1] - self._prompt
        return scores + gumbel(self._keys, step, scores.shape[1]).to(scores.dtype)


def draw_keys(seed: int, digests: Sequence[str], completion: int) -> list[int]:
    """One key for each question's completion of that number."""
    return [
        int.from_bytes(
            hashlib.blake2b(f"{seed}|{digest}|{completion}".encode(), digest_size=8).digest(),
            "big",
            signed=True,
        )
        for digest in digests
    ]


def gumbel(keys: torch.Tensor, step: int, width: int) -> torch.Tensor:
    """(rows, width) float64 Gumbel(0, 1) noise, a function of key, step and column only."""
    rows = _mix(keys + torch.full_like(keys, step + 1) * GOLDEN_GAMMA)
    columns = torch.arange(1, width + 1, device=keys.device) * GOLDEN_GAMMA
    bits = _shift(_mix(rows[:, None] + columns), 64 - MANTISSA)
    uniform = (bits.double() + 0.5) * 2.0**-MANTISSA
    return -torch.log(-torch.log(uniform))


def draw_processors(
    config: GenerationConfig, temperature: float, keys: torch.Tensor, prompt: int
) -> LogitsProcessorList:
    """Temperature, the checkpoint's own top-k and top-p, then the noise; greedy search draws."""
    processors = LogitsProcessorList([TemperatureLogitsWarper(temperature)])
    if config.top_k:
        processors.append(TopKLogitsWarper(top_k=config.top_k))
    if config.top_p is not None and config.top_p < 1:
        processors.append(TopPLogitsWarper(top_p=config.top_p))
    processors.append(KeyedGumbel(keys, prompt))
    return processors


def _mix(state: torch.Tensor) -> torch.Tensor:
    state = (state ^ _shift(state, 30)) * MIX_1
    state = (state ^ _shift(state, 27)) * MIX_2
    return state ^ _shift(state, 31)


def _shift(state: torch.Tensor, by: int) -> torch.Tensor:
    """A logical shift to the right; torch's own keeps the sign."""
    return (state >> by) & ((1 << (64 - by)) - 1)
