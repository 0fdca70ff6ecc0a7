"""The engine ``fake``: scripted answers and maps, for testing suites and reports without a model.

``pytest suites --vlm-engine fake --checkpoint A=a.json --checkpoint B=b.json``, where a JSON file
holds the arguments of `Script`, for example ``{"accuracy": 0.9, "seed": 1}``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np

from pytest_vlm.checkpoint.spec import CheckpointSpec
from pytest_vlm.errors import CheckpointError, RelevanceUnavailable
from pytest_vlm.evaluation.explanation import MapRequest
from pytest_vlm.evaluation.predictions import (
    Completion,
    FinishReason,
    Measurement,
    Prediction,
)
from pytest_vlm.evaluation.samples import Sample
from pytest_vlm.heatmap.heatmap import Heatmap
from pytest_vlm.settings import GenerationSettings

GRID = 4


@dataclass(frozen=True, kw_only=True)
class Script:
    """What a fake checkpoint answers.

    Attributes:
        answers: sample id to answer; others follow `accuracy`.
        accuracy: share of the remaining samples that are answered with their first target; each
            completion is drawn anew.
        seed: which samples those are; the same seed at a higher accuracy answers a superset.
        finish_reason: of every answer.
        looks: maps peak inside the sample's region, away from it, or there are none.
        visual_tokens: of every sample.
    """

    answers: Mapping[str, str] = field(default_factory=dict)
    accuracy: float = 1.0
    seed: int = 0
    finish_reason: FinishReason = "stop"
    looks: Literal["inside", "away", "nowhere"] = "inside"
    visual_tokens: int = GRID * GRID


class FakeEngine:
    """An engine that reads from a script.

    >>> engine = FakeEngine(Script(answers={"1": "a cat"}))
    >>> engine.device
    'cpu'
    """

    device = "cpu"

    def __init__(self, script: Script) -> None:
        self.script = script

    @property
    def no_relevance(self) -> str:
        """Why there are no maps; empty where there are."""
        return "its script looks nowhere" if self.script.looks == "nowhere" else ""

    def predict(
        self, batches: Iterable[Sequence[Sample]], settings: GenerationSettings
    ) -> Iterator[list[Prediction]]:
        """Answer as the script says."""
        for batch in batches:
            yield self._answer_batch(batch, settings.completions)

    def _answer_batch(self, samples: Sequence[Sample], completions: int = 1) -> list[Prediction]:
        measurement = Measurement(seconds=0.001, samples=len(samples), tokens=2 * len(samples))
        return [
            Prediction(
                sample_id=sample.id,
                completions=tuple(
                    Completion.parse(
                        self._answer(sample, number),
                        finish_reason=self.script.finish_reason,
                        tokens=2,
                        seed=number,
                    )
                    for number in range(completions)
                ),
                visual_tokens=self.script.visual_tokens,
                measurement=measurement,
            )
            for sample in samples
        ]

    def relevance(
        self,
        samples: Sequence[Sample],
        predictions: Sequence[Prediction],
        settings: GenerationSettings,
        wanted: MapRequest = MapRequest(),
    ) -> list[Heatmap]:
        """Maps with one bright cell, where the script looks."""
        if self.no_relevance:
            raise RelevanceUnavailable(f"no relevance map: {self.no_relevance}")
        return [self._map(sample) for sample in samples]

    def close(self) -> None:
        """Nothing to free."""

    def _answer(self, sample: Sample, number: int) -> str:
        if sample.id in self.script.answers:
            return self.script.answers[sample.id]
        draw_of = f":{number}" if number else ""
        content = f"{self.script.seed}:{sample.id}{draw_of}".encode()
        draw = int.from_bytes(hashlib.blake2b(content, digest_size=8).digest(), "big") / 2**64
        right = sample.targets[0] if sample.targets else "yes"
        return right if draw < self.script.accuracy else f"not {right}"

    def _map(self, sample: Sample) -> Heatmap:
        size = sample.frames[0].size if sample.frames else (GRID, GRID)
        values = np.full((GRID, GRID), 0.1, dtype=np.float32)
        row = column = 0
        if sample.regions:
            x0, y0, x1, y1 = sample.regions[0].box
            column = min(int((x0 + x1) / 2 / size[0] * GRID), GRID - 1)
            row = min(int((y0 + y1) / 2 / size[1] * GRID), GRID - 1)
        if self.script.looks == "away":
            row, column = (row + GRID // 2) % GRID, (column + GRID // 2) % GRID
        values[row, column] = 1.0
        return Heatmap.of_grid(values, size=size, method="fake")


def load_fake(spec: CheckpointSpec) -> FakeEngine:
    """The engine of a JSON file with the arguments of `Script`.

    Raises:
        CheckpointError: no such file, or not a script.
    """
    path = Path(spec.source)
    try:
        return FakeEngine(Script(**json.loads(path.read_text(encoding="utf-8"))))
    except (OSError, ValueError, TypeError) as error:
        raise CheckpointError(
            f"{path} is no script of the fake engine ({error}); "
            'write for example {"accuracy": 0.9}'
        ) from error
