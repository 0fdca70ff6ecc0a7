"""Values as bytes with a checksum, and back."""

from __future__ import annotations

import json
import zlib

from pytest_vlm.evaluation.predictions import Completion, Prediction
from pytest_vlm.scores.score import ScoreValue

# `item`: engines and scores may give numbers of numpy's.
ENCODER = json.JSONEncoder(separators=(",", ":"), default=lambda number: number.item())
DECODER = json.JSONDecoder()  # `json.loads` takes three times as long for a short text


def checksum(key: bytes, payload: bytes) -> int:
    """CRC-32 of a row: a payload under another row's key is damage too."""
    return zlib.crc32(payload, zlib.crc32(key))


def dump_prediction(prediction: Prediction) -> bytes:
    """An answer without its sample's id, and without its measurement: that is of one run only."""
    completions = [
        [c.raw, c.reasoning, c.answer, c.finish_reason, c.tokens, c.seed]
        for c in prediction.completions
    ]
    content = [completions, prediction.visual_tokens, prediction.batch_plan, prediction.events]
    return ENCODER.encode(content).encode()


def load_prediction(payload: bytes, sample_id: str) -> Prediction | None:
    """The inverse of `dump_prediction`; None for what another version wrote."""
    try:
        (completions, visual_tokens, batch_plan, events), _ = DECODER.raw_decode(payload.decode())
        return Prediction(
            sample_id=sample_id,
            completions=tuple(
                Completion(
                    raw=raw,
                    reasoning=reasoning,
                    answer=answer,
                    finish_reason=finish_reason,
                    tokens=tokens,
                    seed=seed,
                )
                for raw, reasoning, answer, finish_reason, tokens, seed in completions
            ),
            visual_tokens=visual_tokens,
            batch_plan=batch_plan,
            events=tuple(events),
        )
    except (ValueError, TypeError):
        return None


def dump_score(value: ScoreValue) -> bytes:
    """What a score said."""
    content = [value.value, value.variance, value.reason, value.unparsable]
    return ENCODER.encode(content).encode()


def load_score(payload: bytes) -> ScoreValue | None:
    """The inverse of `dump_score`; None for what another version wrote."""
    try:
        (value, variance, reason, unparsable), _ = DECODER.raw_decode(payload.decode())
    except (ValueError, TypeError):
        return None
    return ScoreValue(value=value, variance=variance, reason=reason, unparsable=unparsable)
