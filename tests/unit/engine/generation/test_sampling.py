"""Noise that is keyed by its place is still noise."""

from __future__ import annotations

import numpy as np
import torch
from scipy import stats
from transformers import GenerationConfig

from pytest_vlm.engine.generation.sampling import draw_keys, draw_processors, gumbel

DIGESTS = [f"{number:032x}" for number in range(20_000)]


def test_a_row_has_the_same_noise_in_any_batch():
    keys = torch.tensor(draw_keys(0, DIGESTS[:16], 0))
    together = gumbel(keys, step=3, width=50)
    for row, key in enumerate(keys):
        assert torch.equal(gumbel(key[None], step=3, width=50)[0], together[row])


def test_seed_completion_step_and_column_all_matter():
    first = gumbel(torch.tensor(draw_keys(0, DIGESTS[:1], 0)), 0, 50)
    others = [
        gumbel(torch.tensor(draw_keys(1, DIGESTS[:1], 0)), 0, 50),
        gumbel(torch.tensor(draw_keys(0, DIGESTS[:1], 1)), 0, 50),
        gumbel(torch.tensor(draw_keys(0, DIGESTS[1:2], 0)), 0, 50),
        gumbel(torch.tensor(draw_keys(0, DIGESTS[:1], 0)), 1, 50),
    ]
    assert all(not torch.isclose(first, other).any() for other in others)
    assert first.unique().numel() == 50


def test_the_noise_is_gumbel_distributed_along_keys_steps_and_columns():
    keys = torch.tensor(draw_keys(0, DIGESTS[:2000], 0))
    samples = {
        "keys": gumbel(keys, 0, 1)[:, 0],
        "columns": gumbel(keys[:1], 0, 2000)[0],
        "steps": torch.stack([gumbel(keys[:1], step, 1)[0, 0] for step in range(2000)]),
    }
    for noise in samples.values():
        assert stats.kstest(noise.numpy(), stats.gumbel_r.cdf).pvalue > 0.001


def test_neighbouring_columns_and_steps_are_independent():
    keys = torch.tensor(draw_keys(0, DIGESTS[:5000], 0))
    here, right, later = (
        gumbel(keys, 0, 2)[:, 0],
        gumbel(keys, 0, 2)[:, 1],
        gumbel(keys, 1, 1)[:, 0],
    )
    for other in (right, later):
        assert abs(np.corrcoef(here.numpy(), other.numpy())[0, 1]) < 0.05


def test_the_largest_logit_is_a_draw_from_the_softmax():
    logits = torch.tensor([2.0, 1.0, 0.0, -1.0])
    keys = torch.tensor(draw_keys(7, DIGESTS, 0))
    process = draw_processors(GenerationConfig(), 0.7, keys, prompt=5)
    prompt = torch.zeros(len(keys), 5, dtype=torch.long)
    drawn = process(prompt, logits.expand(len(keys), -1).clone()).argmax(-1)
    expected = (logits / 0.7).softmax(-1).numpy() * len(keys)
    counts = np.bincount(drawn.numpy(), minlength=4)
    assert stats.chisquare(counts, expected * counts.sum() / expected.sum()).pvalue > 0.001


def test_the_checkpoints_own_top_k_holds():
    keys = torch.tensor(draw_keys(0, DIGESTS[:2000], 0))
    process = draw_processors(GenerationConfig(top_k=2), 5.0, keys, prompt=1)
    scores = torch.tensor([0.0, 1.0, 2.0, 3.0]).expand(len(keys), -1).clone()
    drawn = process(torch.zeros(len(keys), 1, dtype=torch.long), scores).argmax(-1)
    assert set(drawn.tolist()) == {2, 3}
