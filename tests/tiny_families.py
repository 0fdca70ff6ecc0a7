"""Random models of several families with a batch of prompts each, as their processors make them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from transformers import (
    CLIPVisionConfig,
    Gemma3Config,
    Gemma3ForConditionalGeneration,
    Gemma3TextConfig,
    GemmaConfig,
    Idefics3Config,
    Idefics3ForConditionalGeneration,
    Idefics3VisionConfig,
    InternVLConfig,
    InternVLForConditionalGeneration,
    InternVLVisionConfig,
    LlamaConfig,
    LlavaConfig,
    LlavaForConditionalGeneration,
    PaliGemmaConfig,
    PaliGemmaForConditionalGeneration,
    Qwen2Config,
    SiglipVisionConfig,
)

PAD, IMAGE, WORDS = 0, 4, 40
TEXT: dict[str, Any] = {
    "vocab_size": WORDS,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "max_position_embeddings": 256,
    "pad_token_id": PAD,
    "initializer_range": 0.4,
}
EYES: dict[str, Any] = {
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "image_size": 32,
    "patch_size": 8,
}
Inputs = dict[str, torch.Tensor]


def llava() -> tuple[Any, Inputs]:
    """Keys shared by heads; a class token that the pictures' tokens leave out."""
    config = LlavaConfig(
        text_config=LlamaConfig(**TEXT),
        vision_config=CLIPVisionConfig(**EYES),
        image_token_index=IMAGE,
        image_seq_length=16,
    )
    return LlavaForConditionalGeneration(config), _inputs(16, 16, torch.randn(2, 3, 32, 32))


def llava_with_class_token() -> tuple[Any, Inputs]:
    """The first token of a picture shows no part of it."""
    model, _ = llava()
    model.config.vision_feature_select_strategy = "full"
    return model, _inputs(17, 17, torch.randn(2, 3, 32, 32))


def paligemma() -> tuple[Any, Inputs]:
    """The prompt sees all of itself, also what is behind."""
    config = PaliGemmaConfig(
        text_config=GemmaConfig(**TEXT),
        vision_config=SiglipVisionConfig(**EYES, projection_dim=32, vision_use_head=False),
        image_token_index=IMAGE,
        projection_dim=32,
        hidden_size=32,
    )
    inputs = _inputs(16, 16, torch.randn(2, 3, 32, 32))
    inputs["token_type_ids"] = torch.zeros_like(inputs["input_ids"])
    return PaliGemmaForConditionalGeneration(config), inputs


def gemma3() -> tuple[Any, Inputs]:
    """Two of three layers see a window; pixels are pooled."""
    layers = ["sliding_attention", "full_attention", "sliding_attention"]
    config = Gemma3Config(
        text_config=Gemma3TextConfig(**TEXT, sliding_window=6, layer_types=layers),
        vision_config=SiglipVisionConfig(**EYES),
        mm_tokens_per_image=4,
        image_token_index=IMAGE,
    )
    inputs = _inputs(4, 4, torch.randn(2, 3, 32, 32))
    inputs["token_type_ids"] = (inputs["input_ids"] == IMAGE).long()
    model = Gemma3ForConditionalGeneration(config)
    projector = model.model.multi_modal_projector
    torch.nn.init.normal_(projector.mm_input_projection_weight)  # zeros, where nothing is loaded
    return model, inputs


def idefics3() -> tuple[Any, Inputs]:
    """Three tiles and one: the second sample is filled up with black ones."""
    config = Idefics3Config(
        text_config=LlamaConfig(**TEXT),
        vision_config=Idefics3VisionConfig(**EYES),
        image_token_id=IMAGE,
        scale_factor=2,
    )
    pixels = torch.randn(2, 3, 3, 32, 32)
    pixels[1, 1:] = 0
    return Idefics3ForConditionalGeneration(config), _inputs(12, 4, pixels)


def internvl() -> tuple[Any, Inputs]:
    """Three tiles and one, all in one row."""
    eyes = {**EYES, "image_size": [32, 32], "patch_size": [8, 8]}
    config = InternVLConfig(
        text_config=Qwen2Config(**{k: v for k, v in TEXT.items() if k != "head_dim"}),
        vision_config=InternVLVisionConfig(**eyes),
        image_token_id=IMAGE,
        downsample_ratio=0.5,
    )
    return InternVLForConditionalGeneration(config), _inputs(12, 4, torch.randn(4, 3, 32, 32))


FAMILIES: tuple[Callable[[], tuple[Any, Inputs]], ...] = (
    llava,
    llava_with_class_token,
    paligemma,
    gemma3,
    idefics3,
    internvl,
)


def _inputs(first: int, second: int, pixels: torch.Tensor) -> Inputs:
    """Two prompts with so many image tokens, padded on the left."""
    rows = [
        [2, *[IMAGE] * first, 10, 11, 12],
        [2, *[IMAGE] * second, 13, 14, 15, 16, 17],
    ]
    width = max(map(len, rows)) + 1
    ids = torch.tensor([[PAD] * (width - len(row)) + row for row in rows])
    return {"input_ids": ids, "attention_mask": (ids != PAD).long(), "pixel_values": pixels}
