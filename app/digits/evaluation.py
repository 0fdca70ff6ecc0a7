"""Answers by batched greedy generation, and their accuracy by kind of query."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

import numpy as np
import torch
from PIL import Image
from transformers import (
    PreTrainedTokenizerFast,
    Qwen2VLImageProcessorPil,
    Qwen3VLForConditionalGeneration,
)

from app.digits.data import KINDS, Digits, Grid, Kind, Query, draw_grid, queries
from app.digits.prompt import encode_prompts

BATCH_SIZE = 32
EVALUATION_SEED = 1000


def generate_answers(
    model: Qwen3VLForConditionalGeneration,
    tokenizer: PreTrainedTokenizerFast,
    image_processor: Qwen2VLImageProcessorPil,
    images: Sequence[Image.Image],
    texts: Sequence[str],
) -> list[str]:
    """One decoded answer for each pair of an image and a query."""
    answers: list[str] = []
    for start in range(0, len(texts), BATCH_SIZE):
        batch = slice(start, start + BATCH_SIZE)
        inputs = encode_prompts(tokenizer, image_processor, images[batch], texts[batch])
        with torch.inference_mode():
            output = model.generate(**inputs)  # type: ignore[misc]  # its self is a mixin protocol
        completions = output[:, inputs["input_ids"].shape[1] :]
        answers += tokenizer.batch_decode(completions, skip_special_tokens=True)
    return answers


def draw_questions(digits: Digits, per_kind: int) -> list[tuple[Grid, Query]]:
    """`per_kind` questions of each kind, each about a grid of its own; the same at every call."""
    rng = np.random.default_rng(EVALUATION_SEED)
    return [question for kind in KINDS for question in _of_kind(kind, digits, per_kind, rng)]


def _of_kind(
    kind: Kind, digits: Digits, count: int, rng: np.random.Generator
) -> Iterable[tuple[Grid, Query]]:
    while count:
        grid = draw_grid(digits, rng)
        asked = [query for query in queries(grid) if query.kind == kind]
        if asked:
            yield grid, asked[rng.integers(len(asked))]
            count -= 1


def accuracy_by_kind(
    model: Qwen3VLForConditionalGeneration,
    tokenizer: PreTrainedTokenizerFast,
    image_processor: Qwen2VLImageProcessorPil,
    questions: Sequence[tuple[Grid, Query]],
) -> dict[str, float]:
    """The share of exactly right answers for each kind of query and over all questions."""
    images = [grid.image for grid, _ in questions]
    texts = [query.text for _, query in questions]
    answers = generate_answers(model, tokenizer, image_processor, images, texts)
    right: dict[str, list[bool]] = defaultdict(list)
    for (_, query), answer in zip(questions, answers, strict=True):
        right[query.kind].append(answer == query.answer)
    right["overall"] = [hit for hits in right.values() for hit in hits]
    return {kind: float(np.mean(hits)) for kind, hits in right.items()}
