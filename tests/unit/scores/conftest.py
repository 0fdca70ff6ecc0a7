"""One sample, its answers, and what a score says of them."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest
from PIL import Image as Pictures

from pytest_vlm.evaluation.predictions import Completion, Prediction
from pytest_vlm.evaluation.samples import Image, Message, Region, Sample, Text
from pytest_vlm.scores import Case, Score, ScoreValue

Judge = Callable[..., ScoreValue]


def completion(answer: str) -> Completion:
    """An answer; one that begins with ``truncated:`` or ``error:`` ended so."""
    kind, colon, text = answer.partition(":")
    if colon and kind == "truncated":
        return Completion.parse(text, finish_reason="length", tokens=1)
    if colon and kind == "error":
        return Completion.parse(text, finish_reason="error", tokens=0)
    return Completion.parse(answer, finish_reason="stop", tokens=1)


@pytest.fixture(scope="session")
def make_case() -> Callable[..., Case]:
    def make(
        *answers: str,
        query: str = "?",
        size: tuple[int, int] | None = None,
        regions: tuple[tuple[float, float, float, float], ...] = (),
        **fields,
    ) -> Case:
        parts: list[Text | Image] = [Text(text=query)]
        if size is not None:
            stream = io.BytesIO()
            Pictures.new("RGB", size).save(stream, "PNG")
            parts.insert(0, Image(source=stream.getvalue()))
        sample = Sample(
            id="1",
            messages=(Message(role="user", parts=tuple(parts)),),
            regions=tuple(Region(box=box) for box in regions),
            **fields,
        )
        completions = tuple(map(completion, answers))
        return Case(sample=sample, prediction=Prediction(sample_id="1", completions=completions))

    return make


@pytest.fixture(scope="session")
def judge(make_case) -> Judge:
    def one(score: Score, *answers: str, targets: tuple[str, ...] = (), **fields) -> ScoreValue:
        (value,) = score([make_case(*answers, targets=targets, **fields)])
        return value

    return one
