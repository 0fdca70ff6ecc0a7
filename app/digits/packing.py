"""Several queries about one image as one training sequence.

A packed sequence is the image prefix followed by segments, one for each query:

    <|im_start|> user <|vision_start|> image <|vision_end|> | query, answer | query, answer | ...

A segment sees the prefix and itself, and its positions start right after the prefix. So every
segment computes exactly what it computes alone at inference, and the image is encoded once. Packing
the queries as turns of one chat instead would leak answers: "read all" gives away every cell.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from transformers import (
    PreTrainedTokenizerFast,
    Qwen2VLImageProcessorPil,
    Qwen3VLForConditionalGeneration,
)

from app.digits.data import Grid, Query
from app.digits.model import TURN_END, VISION_END
from app.digits.prompt import encode_images, render_prompt

IGNORED = -100
PREFIX = 0


@dataclass(frozen=True, kw_only=True)
class Segment:
    """Token ids after the image prefix, and as many labels: the answer's ids, else -100."""

    ids: list[int]
    labels: list[int]


class Packer:
    """Packs grids of one size; `model` is only asked for the positions of the image prefix."""

    def __init__(
        self,
        model: Qwen3VLForConditionalGeneration,
        tokenizer: PreTrainedTokenizerFast,
        image_processor: Qwen2VLImageProcessorPil,
    ) -> None:
        self.model = model
        self.tokenizer = tokenizer
        self.image_processor = image_processor
        self._segments: dict[tuple[str, str], Segment] = {}

    def pack(
        self, grids: Sequence[Grid], queries: Sequence[Sequence[Query]]
    ) -> dict[str, torch.Tensor]:
        """Keyword arguments for the model's forward pass.

        `input_ids` and `labels` (n, length), `position_ids` (3, n, length), `attention_mask`
        (n, 1, length, length) with True where a row attends to a column, and the pixels.
        """
        images = [grid.image for grid in grids]
        features, visual_tokens = encode_images(self.image_processor, images)
        prefix, prefix_positions = self._prefix(features["image_grid_thw"][:1], visual_tokens[0])
        first = int(prefix_positions.max()) + 1
        rows = [[self._segment(query) for query in asked] for asked in queries]
        length = len(prefix) + max(sum(len(segment.ids) for segment in row) for row in rows)

        shape = (len(rows), length)
        input_ids = torch.full(shape, self.tokenizer.pad_token_id)
        labels = torch.full(shape, IGNORED)
        position_ids = torch.zeros((3, *shape), dtype=torch.long)
        owner = torch.full(shape, PREFIX - 1)
        input_ids[:, : len(prefix)] = prefix
        position_ids[:, :, : len(prefix)] = prefix_positions
        owner[:, : len(prefix)] = PREFIX
        for row, segments in enumerate(rows):
            start = len(prefix)
            for number, segment in enumerate(segments, start=PREFIX + 1):
                span = slice(start, start + len(segment.ids))
                input_ids[row, span] = torch.tensor(segment.ids)
                labels[row, span] = torch.tensor(segment.labels)
                position_ids[:, row, span] = torch.arange(first, first + len(segment.ids))
                owner[row, span] = number
                start = span.stop
        return {
            "input_ids": input_ids,
            "labels": labels,
            "position_ids": position_ids,
            "attention_mask": _segment_mask(owner),
            **features,
        }

    def _prefix(
        self, image_grid_thw: torch.Tensor, visual_tokens: int
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Token ids (length,) up to the end of the image, and their positions (3, 1, length)."""
        prompt = render_prompt(self.tokenizer, "", visual_tokens)
        image, end, _ = prompt.partition(VISION_END)
        ids = self.tokenizer(image + end, return_tensors="pt")["input_ids"]
        position_ids, _ = self.model.model.get_rope_index(
            ids,
            mm_token_type_ids=(ids == self.model.config.image_token_id).int(),
            image_grid_thw=image_grid_thw,
        )
        return ids[0], position_ids

    def _segment(self, query: Query) -> Segment:
        key = (query.text, query.answer)
        if key not in self._segments:
            prompt = render_prompt(self.tokenizer, query.text, visual_tokens=1)
            _, _, question = prompt.partition(VISION_END)
            question_ids = self.tokenizer(question)["input_ids"]
            answer_ids = self.tokenizer(query.answer + TURN_END)["input_ids"]
            self._segments[key] = Segment(
                ids=question_ids + answer_ids,
                labels=[IGNORED] * len(question_ids) + answer_ids,
            )
        return self._segments[key]


def _segment_mask(owner: torch.Tensor) -> torch.Tensor:
    """Causal (n, 1, length, length) mask: a token sees the prefix and tokens of its own segment."""
    length = owner.shape[1]
    causal = torch.ones((length, length), dtype=torch.bool).tril()
    shared = owner[:, None, :] == PREFIX
    own = owner[:, :, None] == owner[:, None, :]
    return (causal & (shared | own))[:, None]
