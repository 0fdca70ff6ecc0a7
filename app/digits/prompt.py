"""From an image and a query to the tensors `generate()` takes, without torchvision."""

from collections.abc import Sequence
from typing import Any

import torch
from PIL import Image
from transformers import BatchFeature, PreTrainedTokenizerFast, Qwen2VLImageProcessorPil

from app.digits.model import IMAGE_PAD


def render_prompt(tokenizer: PreTrainedTokenizerFast, query: str, visual_tokens: int) -> str:
    """One user turn, image first, up to the point where the assistant answers."""
    content: Any = [{"type": "image"}, {"type": "text", "text": query}]
    prompt = tokenizer.apply_chat_template(
        [{"role": "user", "content": content}], add_generation_prompt=True, tokenize=False
    )
    return str(prompt).replace(IMAGE_PAD, IMAGE_PAD * visual_tokens)


def encode_images(
    image_processor: Qwen2VLImageProcessorPil, images: Sequence[Image.Image]
) -> tuple[dict[str, torch.Tensor], list[int]]:
    """`pixel_values` (patches, 384), `image_grid_thw` (n, 3); the visual tokens of each image."""
    features = image_processor(images=list(images), return_tensors="pt")
    visual_tokens = features["image_grid_thw"].prod(dim=1) // image_processor.merge_size**2
    return dict(features), visual_tokens.tolist()


def encode_prompts(
    tokenizer: PreTrainedTokenizerFast,
    image_processor: Qwen2VLImageProcessorPil,
    images: Sequence[Image.Image],
    queries: Sequence[str],
) -> BatchFeature:
    """A left-padded batch, one image and one query a row: tensors (n, length), and the pixels."""
    features, visual_tokens = encode_images(image_processor, images)
    prompts = [
        render_prompt(tokenizer, query, count)
        for query, count in zip(queries, visual_tokens, strict=True)
    ]
    text = tokenizer(prompts, padding=True, padding_side="left", return_tensors="pt")
    image_token = tokenizer.convert_tokens_to_ids(IMAGE_PAD)
    return BatchFeature(
        {
            "input_ids": text["input_ids"],
            "attention_mask": text["attention_mask"],
            "mm_token_type_ids": (text["input_ids"] == image_token).int(),
            **features,
        }
    )
