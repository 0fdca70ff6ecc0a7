"""From a batch and its answers to maps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch

from pytest_vlm.engine.generation.prompting import EncodedBatch
from pytest_vlm.engine.relevance.maps import place_maps
from pytest_vlm.engine.relevance.methods import find_method
from pytest_vlm.engine.relevance.own import own
from pytest_vlm.engine.relevance.placing.queries import without_places
from pytest_vlm.engine.relevance.reading import Reading, put_behind, read_answer
from pytest_vlm.errors import RelevanceUnavailable
from pytest_vlm.evaluation.explanation import MapRequest, Span, answer_span
from pytest_vlm.evaluation.predictions import Completion
from pytest_vlm.heatmap.heatmap import Heatmap


def image_token(config: Any) -> int | None:
    """Stands for a part of a picture in the prompt; None where the configuration names none."""
    token = getattr(config, "image_token_id", None)
    return token if token is not None else getattr(config, "image_token_index", None)


def put_together(
    model: Any,
    batch: EncodedBatch,
    completions: Sequence[Completion],
    spans: Sequence[Span],
    tokenizer: Any,
) -> Reading:
    """A batch with its answers.

    Args:
        model: that is explained, whoever gave the answers.
        batch: what it is shown.
        completions: the answers.
        spans: of each answer, in characters of its raw text, what is explained.
        tokenizer: of the model.

    Raises:
        RelevanceUnavailable: the visual tokens are not to be told from the others.
    """
    token = image_token(model.config)
    if token is None:
        raise RelevanceUnavailable("its configuration names no image token")
    answers = [
        read_answer(tokenizer, completion, span, thinking=thinking)
        for completion, span, thinking in zip(completions, spans, batch.thinking, strict=True)
    ]
    return put_behind(
        batch.inputs,
        answers,
        image_token=token,
        pad=tokenizer.pad_token_id,
        model_type=str(model.config.model_type),
    )


def explain(
    model: Any,
    batch: EncodedBatch,
    completions: Sequence[Completion],
    wanted: MapRequest,
    *,
    tokenizer: Any,
    image_processor: Any,
    places: Sequence[Sequence[tuple[int, int]]],
) -> list[Heatmap]:
    """One map a sample.

    Args:
        model: that is explained, whoever gave the answers.
        batch: what it is shown.
        completions: the answers.
        wanted: method, and the part of each answer.
        tokenizer: of the model.
        image_processor: of the model.
        places: for each sample the media and frame of each picture.

    Raises:
        RelevanceUnavailable: a method that this model does not allow, values that are not finite,
            or visual tokens that cannot be located.
        SettingsError: an unknown method.
    """
    method = find_method(wanted.method)
    why = "" if method is own else without_places(model.config)
    if why:
        raise RelevanceUnavailable(why)
    spans = wanted.spans or tuple(answer_span(completion) for completion in completions)
    reading = put_together(model, batch, completions, spans, tokenizer)
    found = method(model, reading)
    prompt = batch.inputs["input_ids"].shape[1]
    values, visual = found.values[:, :prompt], reading.visual[:, :prompt]
    if not torch.where(visual, values, 0).isfinite().all():
        raise RelevanceUnavailable(f"its {wanted.method} is not finite; look for NaN")
    maps = place_maps(
        values.cpu().numpy(),
        visual.cpu().numpy(),
        batch,
        places,
        image_processor,
        method=wanted.method,
    )
    return [
        replace(heatmap, layers=found.layers, span=span)
        for heatmap, span in zip(maps, spans, strict=True)
    ]
