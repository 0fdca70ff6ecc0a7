"""Which samples are answered together: a function of dataset and settings, nothing else."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pytest_vlm.errors import SamplesError
from pytest_vlm.evaluation.samples import Image, Sample, Text
from pytest_vlm.settings import GenerationSettings

LOOK = 1024
LOOKED_AT = 256
BYTES_PER_TOKEN = 4
PIXELS_PER_TOKEN = 28 * 28


@dataclass(frozen=True, kw_only=True)
class Prompt:
    """How long a prompt is.

    Attributes:
        words: tokens of its text, estimated.
        pixels: of each picture or frame in it.
    """

    words: int
    pixels: Sequence[int] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Batch:
    """Samples that are answered together.

    Attributes:
        positions: of the samples, in the order of the batch's rows.
        digest: of what the rows ask, in order; nothing else decides how they are computed.
    """

    positions: tuple[int, ...]
    digest: str


def plan_batches(samples: Sequence[Sample], settings: GenerationSettings) -> Iterator[Batch]:
    """Put samples of similar size together, which keeps the padding short.

    The dataset is taken `LOOK` samples at a time, so that a large one is never held whole. Within
    a look, questions about the same media stay together: their pictures are encoded once.
    """
    for start in range(0, len(samples), LOOK):
        yield from plan_look(list(samples[start : start + LOOK]), start, settings)


def plan_look(
    samples: Sequence[Sample], start: int, settings: GenerationSettings
) -> Iterator[Batch]:
    """The batches of one look, which begins at position `start` of its dataset."""
    sizes = [_size(sample) for sample in samples]
    frames = [sample.frames for sample in samples]
    longest: dict[tuple[Image, ...], tuple[int, int]] = {}
    for seen, size in zip(frames, sizes, strict=True):
        longest[seen] = max(longest.get(seen, (0, 0)), size)
    first = {seen: place for place, seen in enumerate(longest)}
    order = sorted(
        range(len(samples)), key=lambda i: (longest[frames[i]], first[frames[i]], sizes[i], i)
    )
    batch: list[int] = []
    widest = 0
    for i in order:
        widest = max(widest, sum(sizes[i]))
        full = len(batch) == settings.batch_size
        if batch and (full or (len(batch) + 1) * widest > settings.batch_tokens):
            yield _batch(samples, batch, start)
            batch, widest = [], sum(sizes[i])
        batch.append(i)
    if batch:
        yield _batch(samples, batch, start)


def _batch(samples: Sequence[Sample], rows: Sequence[int], start: int) -> Batch:
    content = ",".join(samples[i].digest for i in rows)
    return Batch(
        positions=tuple(start + i for i in rows),
        digest=hashlib.blake2b(content.encode(), digest_size=16).hexdigest(),
    )


def longest_prompt(samples: Sequence[Sample]) -> Prompt:
    """The most words and the most pixels of any prompt, as far as `LOOKED_AT` samples show."""
    step = -(-len(samples) // LOOKED_AT)
    some = [samples[place] for place in range(0, len(samples), step or 1)]
    pixels = ([_pixels(frame) for frame in sample.frames] for sample in some)
    return Prompt(
        words=max(map(_words, some), default=0), pixels=tuple(max(pixels, key=sum, default=[]))
    )


def _size(sample: Sample) -> tuple[int, int]:
    """Estimated tokens of the pictures and of the words."""
    pixels = sum(_pixels(frame) for frame in sample.frames)
    return -(-pixels // PIXELS_PER_TOKEN), _words(sample)


def _words(sample: Sample) -> int:
    size = sum(
        len(part.text.encode())
        for message in sample.messages
        for part in message.parts
        if isinstance(part, Text)
    )
    return -(-size // BYTES_PER_TOKEN)


def _pixels(frame: Image) -> int:
    try:
        width, height = frame.size
    except SamplesError:
        return 0  # refused when it is asked
    return width * height
