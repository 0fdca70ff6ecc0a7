"""Answers and keys for the tests of the cache, and for the processes that they start."""

from __future__ import annotations

from pytest_vlm.evaluation.predictions import Completion, Prediction


def key(number: int) -> str:
    return f"{number:032x}"


def answer(id: str, text: str = "a cat", completions: int = 1) -> Prediction:
    return Prediction(
        sample_id=id,
        completions=tuple(
            Completion(
                raw=f"<think>well</think>{text}",
                reasoning="well",
                answer=text,
                finish_reason="stop",
                tokens=7,
                seed=seed,
            )
            for seed in range(completions)
        ),
        visual_tokens=16,
        batch_plan="b" * 32,
        events=("an event",),
    )
