"""The engine ``local``: any image-text-to-text model of transformers, on this machine."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from transformers import LogitsProcessorList, StoppingCriteriaList

from pytest_vlm.checkpoint.device import accelerator
from pytest_vlm.checkpoint.spec import CheckpointSpec
from pytest_vlm.engine.generation.completions import read_completions
from pytest_vlm.engine.generation.configuration import end_tokens, greedy_config
from pytest_vlm.engine.generation.context import check_context, context_length
from pytest_vlm.engine.generation.decoding import Question, decode_ahead, picture_places
from pytest_vlm.engine.generation.prompting import EncodedBatch
from pytest_vlm.engine.generation.sampling import draw_keys, draw_processors
from pytest_vlm.engine.generation.stopping import StopTexts
from pytest_vlm.engine.generation.thinking import ThinkingBudget
from pytest_vlm.engine.generation.timing import FirstToken
from pytest_vlm.engine.generation.vision import encode_pictures
from pytest_vlm.engine.loaded import LoadedModel
from pytest_vlm.engine.loading import choose_device, load_model
from pytest_vlm.engine.relevance.capture import decoder_attention
from pytest_vlm.engine.relevance.explaining import explain, image_token
from pytest_vlm.engine.relevance.own import brings_relevance
from pytest_vlm.engine.relevance.placing.queries import without_places
from pytest_vlm.engine.sharing.weights import storage_sizes
from pytest_vlm.errors import RelevanceUnavailable, SamplesError
from pytest_vlm.evaluation.explanation import MapRequest
from pytest_vlm.evaluation.predictions import Completion, Measurement, Prediction
from pytest_vlm.evaluation.samples import Sample
from pytest_vlm.heatmap.heatmap import Heatmap
from pytest_vlm.settings import GenerationSettings


class LocalEngine:
    """One checkpoint, loaded: batched generation and relevance maps.

    Args:
        spec: for names in messages.
        folder: a Hugging Face folder on this machine.
        loaded: the folder's model; None loads it, to be shared with nobody.

    Raises:
        CheckpointError: weights that do not fit the configuration.
        EngineError: it could not be loaded for another reason.
    """

    def __init__(
        self, spec: CheckpointSpec, folder: Path, loaded: LoadedModel | None = None
    ) -> None:
        self.name = spec.name
        asked = choose_device(spec.load)
        self.device = accelerator(asked)
        self._loaded = loaded or load_model(spec, folder)
        if asked != self.device:
            self._loaded.offload(self.device)
        self._model: Any = self._loaded.model
        self._dtype = self._model.dtype
        self._prompting = self._loaded.prompting
        self._events = (*self._loaded.events, *self._prompting.events)
        self._context = context_length(self._model.config, self._prompting.tokenizer)
        self._config: tuple[GenerationSettings, Any] | None = None
        self._storages: Mapping[tuple[str, int], int] | None = None

    @property
    def no_relevance(self) -> str:
        """Why there are no maps; empty where there are."""
        if image_token(self._model.config) is None:
            return "its configuration names no image token"
        if brings_relevance(self._model):
            return ""
        if why := without_places(self._model.config):
            return why
        if decoder_attention(self._model):
            return ""
        return "its decoder does not use transformers' attention interface"

    def predict(
        self, batches: Iterable[Sequence[Sample]], settings: GenerationSettings
    ) -> Iterator[list[Prediction]]:
        """Answer batch by batch; a sample that cannot be asked gets an ``error``, and why."""
        for decoded in decode_ahead(batches, settings):
            start = time.perf_counter()
            # A batch lives until the next one is there: freed earlier, its memory may go back to
            # the system, and every page of it is asked for again.
            questions, batch = self._encode_askable(decoded, settings)
            yield self._answer(questions, batch, settings, start)

    def _answer(
        self,
        questions: list[Question],
        batch: EncodedBatch | None,
        settings: GenerationSettings,
        start: float,
    ) -> list[Prediction]:
        if batch is None:
            return [question.refused() for question in questions]
        asked = [question.sample for question in questions if not question.problem]
        first = FirstToken()
        drawn = self._generate(asked, batch, settings, first)
        measurement = Measurement(
            seconds=time.perf_counter() - start,
            samples=len(asked),
            tokens=sum(one.tokens for completions in drawn for one in completions),
            first_token=None if first.at is None else first.at - start,
        )
        answers = (
            Prediction(
                sample_id=sample.id,
                completions=completions,
                visual_tokens=int(count),
                measurement=measurement,
                events=self._events,
            )
            for sample, completions, count in zip(
                asked, drawn, self._visual(batch).sum(1).tolist(), strict=True
            )
        )
        return [q.refused() if q.problem else next(answers) for q in questions]

    @torch.inference_mode()
    def _generate(
        self,
        samples: Sequence[Sample],
        batch: EncodedBatch,
        settings: GenerationSettings,
        first: FirstToken,
    ) -> list[tuple[Completion, ...]]:
        inputs: dict[str, Any] = dict(batch.inputs)
        features = None
        if settings.completions > 1 or len(set(batch.order)) < len(batch.order):
            features = encode_pictures(self._model, batch.inputs, batch.order)
        if features is not None:
            del inputs["pixel_values"]
        rounds = []
        for number in range(settings.completions):
            if features is not None:
                inputs["mm_encoder_outputs"] = {"image": copy(features)}
            rounds.append(self._draw(inputs, samples, batch.thinking, number, settings, first))
        return list(zip(*rounds, strict=True))

    def _draw(
        self,
        inputs: dict[str, Any],
        samples: Sequence[Sample],
        thinking: Sequence[bool],
        number: int,
        settings: GenerationSettings,
        first: FirstToken,
    ) -> list[Completion]:
        """One completion of every row."""
        tokenizer, prompt = self._prompting.tokenizer, inputs["input_ids"].shape[1]
        processors = LogitsProcessorList()
        if settings.thinking_budget is not None:
            processors.append(ThinkingBudget(tokenizer, settings.thinking_budget, prompt))
        if settings.temperature:
            digests = [sample.digest for sample in samples]
            keys = torch.tensor(draw_keys(settings.seed, digests, number), device=self.device)
            config = self._model.generation_config
            processors += draw_processors(config, settings.temperature, keys, prompt)
        criteria = StoppingCriteriaList([first])
        stop = (*settings.stop, *self._loaded.stop)
        if stop:
            criteria.append(StopTexts(tokenizer, stop, prompt))
        tokens = self._model.generate(
            **inputs,
            logits_processor=processors,
            stopping_criteria=criteria,
            generation_config=self._generation_config(settings),
        )
        return read_completions(
            tokenizer,
            tokens[:, prompt:].tolist(),
            ends=self._end_tokens,
            stop=stop,
            thinking=thinking,
            number=number,
        )

    def relevance(
        self,
        samples: Sequence[Sample],
        predictions: Sequence[Prediction],
        settings: GenerationSettings,
        wanted: MapRequest = MapRequest(),
    ) -> list[Heatmap]:
        """What of the pictures the answers rest on, by one of the methods of engine/relevance.

        The answer is put behind the prompt and read once more, so it may come from anywhere.

        Raises:
            RelevanceUnavailable: the method cannot be had of this checkpoint.
            SamplesError: a sample has no picture, or one that cannot be opened.
            SettingsError: an unknown method.
        """
        without = [sample.id for sample in samples if not sample.frames]
        if without:
            raise SamplesError(f"{without[0]} has no picture to look at")
        questions, batch = self._encode_askable(next(decode_ahead([samples], settings)), settings)
        refused = [(q.sample.id, q.problem) for q in questions if q.problem]
        if refused:
            raise SamplesError(": ".join(refused[0]))
        if batch is None:
            return []
        try:
            return explain(
                self._model,
                batch,
                [prediction.completions[0] for prediction in predictions],
                wanted,
                tokenizer=self._prompting.tokenizer,
                image_processor=self._prompting.image_processor,
                places=[picture_places(sample, settings.video_frames) for sample in samples],
            )
        except RelevanceUnavailable as error:
            raise RelevanceUnavailable(f"{self.name} gives no relevance map: {error}") from error

    def storages(self) -> Mapping[tuple[str, int], int]:
        """Bytes of each piece of memory under its weights, by device and address."""
        if self._storages is None:
            self._storages = storage_sizes(self._model)
        return self._storages

    def move(self, device: str) -> None:
        """Take its weights to another device, where equal ones are shared again."""
        self._loaded.move(device)
        self.device, self._storages = device, None

    def written(self) -> Sequence[str]:
        """Names of weights that are no longer what was loaded; a sample of them is looked at."""
        return self._loaded.written()

    def close(self) -> None:
        """Drop the model."""
        del self._loaded, self._model
        if self.device.startswith("cuda"):
            torch.cuda.empty_cache()

    def _encode_askable(
        self, questions: list[Question], settings: GenerationSettings
    ) -> tuple[list[Question], EncodedBatch | None]:
        """The questions, each with the reason why it cannot be asked, and a batch of the others."""
        try:
            return questions, self._encode([q for q in questions if not q.problem], settings)
        except ValueError:
            tried = [self._try_alone(question, settings) for question in questions]
            return tried, self._encode([q for q in tried if not q.problem], settings)

    def _encode(
        self, questions: Sequence[Question], settings: GenerationSettings
    ) -> EncodedBatch | None:
        if not questions:
            return None
        batch = self._prompting.encode(questions, settings)
        check_context(batch.inputs["attention_mask"], self._context)
        inputs = {
            name: value.to(self.device, self._dtype if value.is_floating_point() else None)
            for name, value in batch.inputs.items()
        }
        return replace(batch, inputs=inputs)

    def _try_alone(self, question: Question, settings: GenerationSettings) -> Question:
        """What the processor refuses in one sample must not take its whole batch along."""
        if question.problem:
            return question
        try:
            self._encode([question], settings)
        except ValueError as error:
            return replace(question, problem=str(error))
        return question

    def _generation_config(self, settings: GenerationSettings) -> Any:
        """Made once for the settings of a run; ``generate`` copies it each time."""
        if self._config is None or self._config[0] != settings:
            config = greedy_config(self._model, self._prompting.tokenizer, settings)
            self._config = (settings, config)
        return self._config[1]

    @cached_property
    def _end_tokens(self) -> frozenset[int]:
        return end_tokens(self._model, self._prompting.tokenizer)

    def _visual(self, batch: EncodedBatch) -> torch.Tensor:
        token = image_token(self._model.config)
        return batch.inputs["input_ids"].eq(-1 if token is None else token)
