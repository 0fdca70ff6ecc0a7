"""Pictures are decoded ahead in threads, while the model answers the batch before."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice

from PIL.Image import Image as PILImage

from pytest_vlm.errors import SamplesError
from pytest_vlm.evaluation.predictions import Completion, Prediction
from pytest_vlm.evaluation.samples import Image, Part, Sample, Video
from pytest_vlm.settings import GenerationSettings

THREADS = 2
AHEAD = 2
WORTH_A_THREAD = 1_000_000


@dataclass(frozen=True)
class Picture:
    """A decoded picture and the (width, height) it had before it was made smaller."""

    pixels: PILImage
    size: tuple[int, int]

    @classmethod
    def decode(cls, frame: Image, max_pixels: int | None) -> Picture:
        """Decode, and shrink to `max_pixels` with the proportions kept.

        Raises:
            SamplesError: it cannot be decoded.
        """
        pixels = frame.open()
        size = width, height = pixels.size
        if max_pixels is not None and width * height > max_pixels:
            scale = math.sqrt(max_pixels / (width * height))
            pixels = pixels.resize((max(1, int(width * scale)), max(1, int(height * scale))))
        return cls(pixels, size)


@dataclass(frozen=True)
class Question:
    """A sample with its decoded pictures, or the reason why it cannot be asked."""

    sample: Sample
    pictures: list[Picture]
    problem: str = ""

    def refused(self) -> Prediction:
        """The prediction of a question that was not asked."""
        completion = Completion(raw="", reasoning="", answer="", finish_reason="error", tokens=0)
        return Prediction(
            sample_id=self.sample.id, completions=(completion,), events=(self.problem,)
        )


def decode_ahead(
    batches: Iterable[Sequence[Sample]], settings: GenerationSettings
) -> Iterator[list[Question]]:
    """The batches in order; questions about one picture share it, decoded once a batch.

    The first batch is decoded here: nobody would wait less if a thread did it. So are batches of
    small pictures: handing the interpreter to and fro costs more than they do.
    """
    remaining = iter(batches)
    pending: deque[Callable[[], list[Question]]] = deque()
    threads = ThreadPoolExecutor(THREADS, thread_name_prefix="vlm-decode")

    def submit(count: int) -> None:
        for batch in islice(remaining, count):
            if _pixels(batch) < WORTH_A_THREAD:
                pending.append(partial(_decode, batch, settings))
            else:
                pending.append(threads.submit(_decode, batch, settings).result)

    try:
        first = list(islice(remaining, 1))
        submit(AHEAD)
        for batch in first:
            yield _decode(batch, settings)
        while pending:
            submit(1)
            yield pending.popleft()()
    finally:
        threads.shutdown(wait=False, cancel_futures=True)


def _pixels(samples: Sequence[Sample]) -> int:
    """Of all pictures; a broken one is found out when it is decoded."""
    total = 0
    for frame in {frame for sample in samples for frame in sample.frames}:
        with suppress(SamplesError):
            total += math.prod(frame.size)
    return total


def _decode(samples: Sequence[Sample], settings: GenerationSettings) -> list[Question]:
    seen: dict[Image, Picture | str] = {}
    questions = []
    for sample in (thin_videos(sample, settings.video_frames) for sample in samples):
        for frame in sample.frames:
            if frame not in seen:
                seen[frame] = _picture(frame, settings.max_pixels)
        shown = [seen[frame] for frame in sample.frames]
        problems = [found for found in shown if isinstance(found, str)]
        pictures = [found for found in shown if isinstance(found, Picture)]
        questions.append(
            Question(sample, [], problems[0]) if problems else Question(sample, pictures)
        )
    return questions


def _picture(frame: Image, max_pixels: int | None) -> Picture | str:
    """The picture, or why there is none."""
    try:
        return Picture.decode(frame, max_pixels)
    except SamplesError as error:
        return str(error)


def thin_videos(sample: Sample, frames: int | None) -> Sample:
    """The sample with at most so many frames a video, evenly spread, the first and last among them.

    The one frame of a video that may have one is its middle.
    """
    if frames is None or all(
        len(medium.frames) <= frames for medium in sample.media if isinstance(medium, Video)
    ):
        return sample
    messages = tuple(
        replace(message, parts=tuple(_thinned(part, frames) for part in message.parts))
        for message in sample.messages
    )
    return replace(sample, messages=messages)


def picture_places(sample: Sample, frames: int | None) -> list[tuple[int, int]]:
    """(medium, frame) of each picture that `thin_videos` leaves, in the sample as it was given."""
    return [
        (number, place)
        for number, medium in enumerate(sample.media)
        for place in (_kept(medium, frames) if isinstance(medium, Video) else [0])
    ]


def _thinned(part: Part, frames: int) -> Part:
    if not isinstance(part, Video):
        return part
    return Video(frames=tuple(part.frames[place] for place in _kept(part, frames)))


def _kept(video: Video, frames: int | None) -> Sequence[int]:
    count = len(video.frames)
    if frames is None or count <= frames:
        return range(count)
    if frames == 1:
        return [(count - 1) // 2]
    return [round(i * (count - 1) / (frames - 1)) for i in range(frames)]
