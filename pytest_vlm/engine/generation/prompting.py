"""Samples to model inputs: chat template, images, left padding."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from pathlib import Path
from typing import Any

import torch
from jinja2 import TemplateError
from PIL.Image import Image as PILImage
from transformers import AutoImageProcessor, AutoProcessor, AutoTokenizer

from pytest_vlm.engine.generation.decoding import Question
from pytest_vlm.engine.generation.thinking import OPEN
from pytest_vlm.errors import EngineError
from pytest_vlm.evaluation.samples import Message, Sample, Text, Video
from pytest_vlm.settings import GenerationSettings

ASSEMBLED = "no torchvision: tokenizer and image processor were used without their processor"
NO_TEMPLATE = "no chat template: the prompt is the images followed by the plain query"
# Jinja lets through what an expression of a template raises, such as text + list of parts.
TEMPLATE_ERRORS = (TemplateError, TypeError, ArithmeticError, LookupError, AttributeError)


@dataclass(frozen=True, kw_only=True)
class EncodedBatch:
    """Model inputs for a batch.

    Attributes:
        inputs: name to tensor, as the model's forward takes them; ``input_ids`` is (batch, length),
            padded on the left.
        sizes: for each sample the original (width, height) of each picture.
        order: for every place that shows a picture, which of the batch's distinct ones it is.
        thinking: for each sample whether its prompt ends by opening the reasoning.
    """

    inputs: dict[str, torch.Tensor]
    sizes: tuple[tuple[tuple[int, int], ...], ...]
    order: tuple[int, ...]
    thinking: tuple[bool, ...]


class Prompting:
    """A checkpoint's own tokenizer, image processor and chat template.

    Without torchvision some stock processors (Qwen-VL's) cannot be built; their tokenizer and image
    processor are then used directly, which gives the same inputs.

    Args:
        folder: the checkpoint's.
        trust_remote_code: whether code that lies in it may be run.

    Raises:
        EngineError: the folder has no processor that could be used.
    """

    def __init__(self, folder: Path, *, trust_remote_code: bool = False) -> None:
        self.processor, self._why_assembled = _stock_processor(folder, trust_remote_code)
        if self.processor is not None:
            self.tokenizer = self.processor.tokenizer
            self.image_processor = self.processor.image_processor
            template = self.processor.chat_template or self.tokenizer.chat_template
        else:
            try:
                self.tokenizer = AutoTokenizer.from_pretrained(
                    folder, local_files_only=True, trust_remote_code=trust_remote_code
                )
                self.image_processor = AutoImageProcessor.from_pretrained(
                    folder,
                    backend="pil",
                    local_files_only=True,
                    trust_remote_code=trust_remote_code,
                )
            except (OSError, ValueError, ImportError, KeyError) as error:
                raise EngineError(f"{folder} has no usable processor: {error}") from error
            template = self.tokenizer.chat_template
        self.tokenizer.padding_side = "left"
        if self.tokenizer.pad_token_id is None:
            self.tokenizer.pad_token = self.tokenizer.eos_token
        self.template = _default(template, folder)
        self.events = tuple(
            event
            for event, happened in (
                (ASSEMBLED, self.processor is None),
                (NO_TEMPLATE, template is None),
            )
            if happened
        )

    def encode(
        self,
        questions: Sequence[Question],
        settings: GenerationSettings,
    ) -> EncodedBatch:
        """Render and tokenize a batch of questions that can be asked.

        Raises:
            ValueError: one of them cannot be asked after all.
        """
        self._refuse_image_tokens(questions, settings.system_prompt or "")
        prompts = self.render([question.sample for question in questions], settings)
        shown = [picture for question in questions for picture in question.pictures]
        distinct = {id(picture): picture for picture in shown}
        place = {key: number for number, key in enumerate(distinct)}
        pictures = [[picture.pixels for picture in question.pictures] for question in questions]
        bos = self.tokenizer.bos_token
        special = not (bos and all(prompt.startswith(bos) for prompt in prompts))
        encode = self._encode_assembled if self.processor is None else self._encode_stock
        inputs = encode(prompts, pictures, special)
        return EncodedBatch(
            inputs={
                name: value
                for name, value in inputs.items()
                if torch.is_tensor(value) and name != "labels"
            },
            sizes=tuple(tuple(p.size for p in question.pictures) for question in questions),
            order=tuple(place[id(picture)] for picture in shown),
            thinking=tuple(prompt.rstrip().endswith(OPEN) for prompt in prompts),
        )

    def render(self, samples: Sequence[Sample], settings: GenerationSettings) -> list[str]:
        """The prompts as text, with one image token where an image goes.

        Raises:
            ValueError: the chat template refuses one of them.
        """
        if self.template is None:
            # No line break between them: PaliGemma, which has no template, knows none there.
            return [f"{self._image_token * len(one.frames)}{one.query}" for one in samples]
        try:
            prompts: list[str] = self.tokenizer.apply_chat_template(
                [_conversation(sample, settings.system_prompt) for sample in samples],
                chat_template=self.template,
                tokenize=False,
                add_generation_prompt=True,
            )
        except TEMPLATE_ERRORS as error:
            raise ValueError(f"the chat template refuses it: {error}") from error
        return prompts

    def _refuse_image_tokens(self, questions: Sequence[Question], system_prompt: str) -> None:
        """A text that spells the image token would be taken for a picture."""
        messages = [m for question in questions for m in question.sample.messages]
        texts = [part.text for m in messages for part in m.parts if isinstance(part, Text)]
        written = [("its text", text) for text in texts] + [("the system prompt", system_prompt)]
        for token, (where, text) in product(self._image_tokens, written):
            if token in text:
                raise ValueError(
                    f"{where} contains {token}, which stands for a picture; remove it: pictures "
                    "are put where they stand among the message's parts"
                )

    @property
    def _image_token(self) -> str:
        """What marks a picture in a prompt."""
        return self._image_tokens[0]

    @cached_property
    def _image_tokens(self) -> list[str]:
        """The mark, and the tokenizer's token where a processor puts that in the mark's place."""
        holders = (self.processor, self.tokenizer)
        tokens = [str(getattr(holder, "image_token", None) or "") for holder in holders]
        return list(dict.fromkeys(filter(None, tokens))) or ["<|image_pad|>"]

    def _encode_stock(
        self, prompts: list[str], pictures: list[list[PILImage]], special: bool
    ) -> dict[str, Any]:
        images = pictures if any(pictures) else None
        return dict(
            self.processor(
                text=prompts,
                images=images,
                padding=True,
                add_special_tokens=special,
                return_tensors="pt",
            )
        )

    def _encode_assembled(
        self, prompts: list[str], pictures: list[list[PILImage]], special: bool
    ) -> dict[str, Any]:
        rows = self.tokenizer(prompts, add_special_tokens=special, return_attention_mask=False)[
            "input_ids"
        ]
        image_id = self.tokenizer.convert_tokens_to_ids(self._image_token)
        for row, given in zip(rows, pictures, strict=True):
            if row.count(image_id) != len(given):
                raise ValueError(
                    f"its prompt has {self._image_token} {row.count(image_id)} times for "
                    f"{len(given)} pictures; look at the chat template and the system prompt"
                )
        features: dict[str, Any] = {}
        if any(pictures):
            features = self._pixels([picture for row in pictures for picture in row])
            merged = self.image_processor.merge_size**2
            counts = iter((features["image_grid_thw"].prod(-1) // merged).tolist())
            rows = [_repeat(row, image_id, counts) for row in rows]
        longest = max(map(len, rows))
        left = [longest - len(row) for row in rows]
        pad = self.tokenizer.pad_token_id
        tokens = torch.tensor([[pad] * n + row for n, row in zip(left, rows, strict=True)])
        return {
            "input_ids": tokens,
            "attention_mask": (torch.arange(longest) >= torch.tensor(left)[:, None]).long(),
            "mm_token_type_ids": (tokens == image_id).long(),
            **features,
        }

    def _pixels(self, shown: list[PILImage]) -> dict[str, torch.Tensor]:
        """What the vision tower takes; a picture that is shown twice is processed once."""
        distinct = {id(picture): picture for picture in shown}
        place = {key: number for number, key in enumerate(distinct)}
        features = self.image_processor(images=list(distinct.values()), return_tensors="pt")
        if "image_grid_thw" not in features:
            raise EngineError(
                f"{type(self.image_processor).__name__} cannot be used without its processor, "
                f"which could not be built ({self._why_assembled})"
            )
        if len(distinct) == len(shown):
            return dict(features)
        grids = features["image_grid_thw"]
        patches = features["pixel_values"].split(grids.prod(-1).tolist())
        order = [place[id(picture)] for picture in shown]
        return {
            "pixel_values": torch.cat([patches[number] for number in order]),
            "image_grid_thw": grids[order],
        }


def _stock_processor(folder: Path, trust_remote_code: bool) -> tuple[Any, str]:
    try:
        processor = AutoProcessor.from_pretrained(
            folder, trust_remote_code=trust_remote_code, local_files_only=True
        )
    except (OSError, ImportError, AttributeError, ValueError, KeyError) as error:
        return None, f"{type(error).__name__}: {error}".strip().split("\n")[0]
    if hasattr(processor, "image_processor") and hasattr(processor, "tokenizer"):
        return processor, ""
    return None, f"{type(processor).__name__} has no image processor"


def _default(template: Any, folder: Path) -> str | None:
    """Of several templates by name the one that is for questions."""
    if not isinstance(template, dict):
        return None if template is None else str(template)
    if "default" not in template:
        raise EngineError(
            f"{folder} has the chat templates {', '.join(sorted(template))} and none is called "
            "default; call the one for questions so"
        )
    return str(template["default"])


def _conversation(sample: Sample, system_prompt: str | None) -> list[dict[str, Any]]:
    turns = [_turn(message) for message in sample.messages]
    if system_prompt and sample.messages[0].role != "system":
        words = {"type": "text", "text": system_prompt}
        turns.insert(0, {"role": "system", "content": [words]})
    return turns


def _turn(message: Message) -> dict[str, Any]:
    content: list[dict[str, str]] = []
    for part in message.parts:
        if isinstance(part, Text):
            content.append({"type": "text", "text": part.text})
        else:
            frames = len(part.frames) if isinstance(part, Video) else 1
            content.extend({"type": "image"} for _ in range(frames))
    return {"role": message.role, "content": content}


def _repeat(row: list[int], token: int, counts: Iterator[int]) -> list[int]:
    """The row with every occurrence of a token as often as its turn of the counts says."""
    repeated: list[int] = []
    for one in row:
        repeated += [one] * next(counts) if one == token else [one]
    return repeated
