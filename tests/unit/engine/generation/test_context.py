"""How many tokens a checkpoint says it can read."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from transformers import CLIPVisionConfig, GPT2Config, LlamaConfig, LlavaConfig

from pytest_vlm.engine.generation.context import check_context, context_length

UNLIMITED = int(1e30)
YARN = {
    "rope_type": "yarn",
    "rope_theta": 10_000.0,
    "factor": 4.0,
    "original_max_position_embeddings": 4096,
}


def tokenizer(limit: int) -> SimpleNamespace:
    return SimpleNamespace(model_max_length=limit)


def llava(**fields: object) -> LlavaConfig:
    text = LlamaConfig(max_position_embeddings=4096, **fields)
    return LlavaConfig(text_config=text, vision_config=CLIPVisionConfig())


@pytest.mark.parametrize(
    ("config", "said_by_tokenizer", "limit"),
    [
        (llava(), UNLIMITED, 4096),
        (llava(), 2048, 4096),
        (llava(), 8192, 8192),
        (llava(rope_parameters=YARN), UNLIMITED, None),
        (llava(rope_parameters=YARN), 4096, None),
        (GPT2Config(n_positions=1024), UNLIMITED, 1024),
    ],
    ids=["positions", "the larger", "the tokenizer's", "stretched", "stretched too", "learned"],
)
def test_the_limit_is_what_the_checkpoint_says(config, said_by_tokenizer, limit):
    assert context_length(config, tokenizer(said_by_tokenizer)) == limit


def test_a_checkpoint_that_says_nothing_has_no_limit():
    config = SimpleNamespace(get_text_config=lambda decoder: SimpleNamespace())
    assert context_length(config, tokenizer(UNLIMITED)) is None
    check_context(torch.ones(1, 10_000), None)


def test_padding_does_not_count():
    mask = torch.tensor([[0, 0, 1, 1, 1], [0, 1, 1, 1, 1]])
    check_context(mask, 4)
    with pytest.raises(ValueError, match=r"has 4 tokens.*at most 3"):
        check_context(mask, 3)
