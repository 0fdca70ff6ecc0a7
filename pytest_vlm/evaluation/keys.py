"""What identifies an answer: everything that could have changed it, and nothing else."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict

from pytest_vlm.evaluation.samples import Sample
from pytest_vlm.settings import GenerationSettings, LoadSettings
from pytest_vlm.versions import installed_versions

SCHEMA = 4
LIBRARIES = (
    "pytest-vlm",
    "torch",
    "transformers",
    "tokenizers",
    "torchvision",
    "peft",
    "pillow",
    "numpy",
    # What renders a prompt or spells its tokens,
    "jinja2",
    "sentencepiece",
    "tiktoken",
    # and what computes with packed weights, or by kernels of its own.
    "accelerate",
    "bitsandbytes",
    "compressed-tensors",
    "torchao",
    "gptqmodel",
    "flash-attn",
    "kernels",
)
IN_THE_PLAN = ("batch_size", "batch_tokens")


def checkpoint_key(
    *,
    engine: str,
    fingerprint: str,
    load: LoadSettings,
    generation: GenerationSettings,
    device: str,
    versions: Mapping[str, str] | None = None,
) -> str:
    """Whose answers they are, asked how and computed with what. 32 hexadecimal digits.

    Args:
        engine: by name.
        fingerprint: of the checkpoint's files: weights, processor, tokenizer, chat template and
            generation config.
        load: how it is loaded.
        generation: how it answers; what only shapes the batches is in the batch's digest.
        device: the device's name.
        versions: library to version; by default those that are installed.
    """
    asked = {k: v for k, v in asdict(generation).items() if k not in IN_THE_PLAN}
    return _digest(
        [
            SCHEMA,
            engine,
            fingerprint,
            asdict(load),
            asked,
            device,
            dict(installed_versions(LIBRARIES) if versions is None else versions),
        ]
    )


def answer_key(checkpoint: str, batch: str, sample: Sample) -> str:
    """One sample's answer in one batch."""
    return _joined(checkpoint, batch, sample.digest)


def heatmap_key(
    checkpoint: str, batch: str, sample: Sample, *, method: str, span: tuple[int, int], raw: str
) -> str:
    """The map of a part of one sample's answer, the raw text of a completion, made in one batch."""
    start, end = span
    return _joined(checkpoint, batch, sample.digest, "map", method, f"{start}-{end}", raw)


def score_key(score: str, judged: str, sample: Sample) -> str:
    """What a score says of an answer or a map.

    Args:
        score: the score's identity.
        judged: key of the answer or of the map.
        sample: everything of it that a score may hold the answer against.
    """
    return _joined(score, judged, sample.reference_digest)


def _digest(content: object) -> str:
    text = json.dumps(content, sort_keys=True, default=repr)
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def _joined(*names: str) -> str:
    """Of names of which only the last one may hold a line break."""
    text = "\n".join(names).encode("utf-8", "surrogatepass")
    return hashlib.blake2b(text, digest_size=16).hexdigest()
