"""The engine ``local``: any image-text-to-text model of transformers, on this machine."""

from __future__ import annotations

import time
from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL.Image import Image as PILImage
from transformers import AutoModelForImageTextToText
from transformers.utils import logging as transformers_logging

from pytest_vlm.checkpoint.spec import CheckpointSpec
from pytest_vlm.engine.attention import capture_rows, decoder_attention
from pytest_vlm.engine.cells import picture_cells, picture_grids
from pytest_vlm.engine.prompting import EncodedBatch, Prompting
from pytest_vlm.errors import CheckpointError, EngineError, RelevanceUnavailable, SamplesError
from pytest_vlm.evaluation.predictions import Completion, Measurement, Prediction
from pytest_vlm.evaluation.samples import Sample
from pytest_vlm.heatmap.heatmap import Heatmap
from pytest_vlm.settings import GenerationSettings, LoadSettings

LAYERS = 2


class LocalEngine:
    """One checkpoint, loaded: greedy batched generation and attention maps.

    Args:
        spec: for names in messages.
        folder: a Hugging Face folder on this machine.

    Raises:
        CheckpointError: weights that do not fit the configuration.
        EngineError: it could not be loaded for another reason.
    """

    def __init__(self, spec: CheckpointSpec, folder: Path) -> None:
        self.name = spec.name
        self.device = _device(spec.load)
        self._model: Any = _load(spec, folder).to(self.device)
        self._prompting = Prompting(folder)
        self._layers = decoder_attention(self._model, LAYERS)

    @property
    def no_relevance(self) -> str:
        """Why there are no maps; empty where there are."""
        if self._image_token is None:
            return "its configuration names no image token"
        return "" if self._layers else "its decoder does not use transformers' attention interface"

    def predict(self, samples: Sequence[Sample], settings: GenerationSettings) -> list[Prediction]:
        """Answer one batch greedily; a sample whose image cannot be opened gets an ``error``."""
        opened = [_open_pictures(sample) for sample in samples]
        usable = [
            (sample, pictures)
            for sample, pictures in zip(samples, opened, strict=True)
            if isinstance(pictures, list)
        ]
        answers = iter(self._generate(usable, settings) if usable else [])
        return [next(answers) if isinstance(pictures, list) else pictures for pictures in opened]

    @torch.inference_mode()
    def _generate(
        self, questions: list[tuple[Sample, list[PILImage]]], settings: GenerationSettings
    ) -> list[Prediction]:
        samples = [sample for sample, _ in questions]
        batch = self._encode(samples, [pictures for _, pictures in questions], settings)
        start = time.perf_counter()
        tokens = self._model.generate(**batch.inputs, generation_config=self._greedy(settings))
        rows = tokens[:, batch.inputs["input_ids"].shape[1] :].tolist()
        seconds = time.perf_counter() - start
        completions = [self._completion(row) for row in rows]
        measurement = Measurement(
            seconds=seconds,
            samples=len(samples),
            tokens=sum(completion.tokens for completion in completions),
        )
        visual = self._visual(batch).sum(1).tolist()
        return [
            Prediction(
                sample_id=sample.id,
                completions=(completion,),
                visual_tokens=int(count),
                measurement=measurement,
                events=self._prompting.events,
            )
            for sample, completion, count in zip(samples, completions, visual, strict=True)
        ]

    @torch.inference_mode()
    def relevance(
        self,
        samples: Sequence[Sample],
        predictions: Sequence[Prediction],
        settings: GenerationSettings,
    ) -> list[Heatmap]:
        """Attention of the answer's tokens to the visual ones: mean of heads and last two layers.

        The answer is put behind the prompt and read once more, so it may come from anywhere. Row t
        of the attention is that of the position which predicts answer token t.

        Raises:
            RelevanceUnavailable: tiles, no image in a sample, or no reachable attention.
        """
        if self.no_relevance:
            raise RelevanceUnavailable(f"{self.name} gives no relevance map: {self.no_relevance}")
        pictures = [[frame.open() for frame in sample.frames] for sample in samples]
        batch = self._encode(samples, pictures, settings)
        prompt = batch.inputs["input_ids"].shape[1]
        answers = [self._answer_tokens(prediction) for prediction in predictions]
        longest = max(map(len, answers))
        inputs = self._append(batch.inputs, answers, longest)
        rows = torch.arange(prompt - 1, prompt - 1 + longest, device=self.device)
        rows = rows.expand(len(samples), -1)
        with capture_rows(self._model, self._layers, rows) as captured:
            self._model(**inputs, use_cache=False, logits_to_keep=1)
        if len(captured) != len(self._layers):
            raise RelevanceUnavailable(f"{self.name}: its decoder's attention could not be read")
        weights = torch.stack(captured).mean(0)
        lengths = torch.tensor([len(row) for row in answers], device=self.device)
        spoken = torch.arange(longest, device=self.device) < lengths[:, None]
        mean = (weights * spoken[..., None]).sum(1) / lengths[:, None]
        return self._place(batch, mean[:, :prompt].cpu().numpy())

    def close(self) -> None:
        """Drop the model."""
        del self._model, self._layers
        if self.device.startswith("cuda"):
            torch.cuda.empty_cache()

    @property
    def _image_token(self) -> int | None:
        config = self._model.config
        token = getattr(config, "image_token_id", None)
        return token if token is not None else getattr(config, "image_token_index", None)

    def _encode(
        self,
        samples: Sequence[Sample],
        pictures: list[list[PILImage]],
        settings: GenerationSettings,
    ) -> EncodedBatch:
        batch = self._prompting.encode(samples, pictures, settings)
        inputs = {
            name: value.to(self.device, self._model.dtype if value.is_floating_point() else None)
            for name, value in batch.inputs.items()
        }
        return EncodedBatch(inputs=inputs, sizes=batch.sizes)

    def _greedy(self, settings: GenerationSettings) -> Any:
        config = deepcopy(self._model.generation_config)
        config.update(
            do_sample=False,
            num_beams=1,
            temperature=None,
            top_p=None,
            top_k=None,
            max_length=None,
            max_new_tokens=settings.max_new_tokens,
            pad_token_id=self._prompting.tokenizer.pad_token_id,
            eos_token_id=sorted(self._end_tokens),
        )
        return config

    @property
    def _end_tokens(self) -> set[int]:
        declared = self._model.generation_config.eos_token_id
        if declared is None:
            declared = self._prompting.tokenizer.eos_token_id
        return set(declared) if isinstance(declared, list) else {declared} - {None}

    def _completion(self, row: list[int]) -> Completion:
        ends = [place for place, token in enumerate(row) if token in self._end_tokens]
        tokens = row[: ends[0] + 1] if ends else row
        raw = self._prompting.tokenizer.decode(tokens, skip_special_tokens=True)
        return Completion.parse(raw, finish_reason="stop" if ends else "length", tokens=len(tokens))

    def _answer_tokens(self, prediction: Prediction) -> list[int]:
        text = prediction.answer or prediction.completions[0].raw
        tokens = self._prompting.tokenizer(text, add_special_tokens=False)["input_ids"]
        return list(tokens) or [self._prompting.tokenizer.pad_token_id]

    def _append(
        self, inputs: dict[str, torch.Tensor], answers: list[list[int]], longest: int
    ) -> dict[str, torch.Tensor]:
        pad = self._prompting.tokenizer.pad_token_id
        ids = torch.tensor([row + [pad] * (longest - len(row)) for row in answers])
        mask = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in answers])
        shape = inputs["input_ids"].shape
        extended = dict(inputs)
        for name, value in inputs.items():
            if value.shape == shape and not value.is_floating_point():
                tail = {"input_ids": ids, "attention_mask": mask}.get(name, torch.zeros_like(ids))
                extended[name] = torch.cat([value, tail.to(value)], dim=1)
        return extended

    def _visual(self, batch: EncodedBatch) -> torch.Tensor:
        token = -1 if self._image_token is None else self._image_token
        return batch.inputs["input_ids"].eq(token)

    def _place(self, batch: EncodedBatch, attention: np.ndarray[Any, Any]) -> list[Heatmap]:
        processor = self._prompting.image_processor
        grids = picture_grids(batch.inputs, sum(map(len, batch.sizes)), processor)
        visual = self._visual(batch).cpu().numpy()
        maps = []
        for row, sizes in enumerate(batch.sizes):
            values = attention[row][visual[row]]
            if not sizes or values.size % len(sizes):
                raise RelevanceUnavailable(
                    f"{self.name}: {values.size} image tokens for {len(sizes)} pictures"
                )
            own, grids = grids[: len(sizes)], grids[len(sizes) :]
            maps.append(_heatmap(values, sizes, own, processor))
        return maps


def _heatmap(
    values: np.ndarray[Any, Any],
    sizes: tuple[tuple[int, int], ...],
    grids: Sequence[tuple[int, int] | None],
    image_processor: Any,
) -> Heatmap:
    kept, boxes, media, start = [], [], [], 0
    for medium, (size, grid) in enumerate(zip(sizes, grids, strict=True)):
        tokens = grid[0] * grid[1] if grid else values.size // len(sizes)
        leading, cells = picture_cells(size, tokens, grid, image_processor)
        kept.append(values[start + leading : start + tokens])
        boxes.append(cells)
        media.append(np.full(len(cells), medium, dtype=np.int32))
        start += tokens
    return Heatmap.of_cells(
        np.concatenate(kept), np.concatenate(boxes), media=np.concatenate(media), method="attention"
    )


def _open_pictures(sample: Sample) -> list[PILImage] | Prediction:
    try:
        return [frame.open() for frame in sample.frames]
    except SamplesError as error:
        completion = Completion(raw="", reasoning="", answer="", finish_reason="error", tokens=0)
        return Prediction(sample_id=sample.id, completions=(completion,), events=(str(error),))


def _device(load: LoadSettings) -> str:
    if load.device != "auto":
        return load.device
    return "cuda" if torch.cuda.is_available() else "cpu"


def _load(spec: CheckpointSpec, folder: Path) -> Any:
    auto: Any = AutoModelForImageTextToText
    attention = {}
    if spec.load.attention != "auto":
        attention["attn_implementation"] = spec.load.attention
    transformers_logging.disable_progress_bar()
    try:
        model, info = auto.from_pretrained(
            folder,
            dtype=spec.load.dtype,
            trust_remote_code=False,
            local_files_only=True,
            use_safetensors=True,
            output_loading_info=True,
            **attention,
        )
    except (OSError, ValueError, KeyError, RuntimeError, ImportError) as error:
        raise EngineError(f"{spec.name} ({folder}) could not be loaded: {error}") from error
    for kind, meaning in (
        ("missing_keys", "has no weights for"),
        ("mismatched_keys", "has weights of another shape for"),
    ):
        if info.get(kind):
            names = sorted(map(str, info[kind]))
            raise CheckpointError(
                f"{spec.name} ({folder}) {meaning} {len(names)} tensors, such as {names[0]}; "
                "config.json and weights do not belong together"
            )
    return model.eval()
