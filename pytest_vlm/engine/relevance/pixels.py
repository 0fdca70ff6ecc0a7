"""What the pictures' own values matter: by their gradient, and by leaving them out.

Gradient: Simonyan, Vedaldi & Zisserman 2014, "Deep Inside Convolutional Networks". Occlusion:
Zeiler & Fergus 2014, "Visualizing and Understanding Convolutional Networks".
"""

from __future__ import annotations

from typing import Any

import torch

from pytest_vlm.engine.relevance.likelihood import frozen, log_likelihood
from pytest_vlm.engine.relevance.method import Relevance
from pytest_vlm.engine.relevance.reading import Reading
from pytest_vlm.engine.relevance.token_pixels import TokenPixels


def pixel_gradient(model: Any, reading: Reading) -> Relevance:
    """Sum of the absolute values of d log p(answer) / d pixel over the pixels of each token."""
    places = TokenPixels.of(model, reading)
    with frozen(model):
        pixels = reading.inputs["pixel_values"].detach().requires_grad_()
        likely = log_likelihood(model, reading, pixel_values=pixels)
        (gradient,) = torch.autograd.grad(likely.sum(), pixels)
    values = torch.zeros_like(reading.visual, dtype=torch.float32)
    values[places.located] = places.blocks(gradient.float().abs()).sum(1)
    return Relevance(values=values)


@torch.inference_mode()
def occlusion(model: Any, reading: Reading) -> Relevance:
    """How much less likely the answer is without each token's pixels, 0 where it is likelier.

    They are filled with the mean of the sample's blocks. One pass hides one token of every sample.
    """
    places = TokenPixels.of(model, reading)
    pixels = reading.inputs["pixel_values"]
    blocks = places.blocks(pixels)
    counts = places.located.sum(1)
    samples = torch.arange(len(counts), device=counts.device)
    owner = samples.repeat_interleave(counts)
    means = torch.stack([blocks[owner == sample].mean(0) for sample in samples])
    starts = counts.cumsum(0) - counts
    whole = log_likelihood(model, reading)
    values = torch.zeros_like(reading.visual, dtype=torch.float32)
    drops = values.new_zeros(len(blocks))
    for number in range(int(counts.max())):
        asked = samples[counts > number]
        hidden = starts[asked] + number
        changed = blocks.clone()
        changed[hidden] = means[asked]
        without = log_likelihood(model, reading, pixel_values=places.put(changed, pixels))
        drops[hidden] = (whole - without)[asked].clamp(min=0)
    values[places.located] = drops
    return Relevance(values=values)
