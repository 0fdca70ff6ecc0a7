"""Pictures are decoded ahead in threads, while the model answers the batch before."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from PIL.Image import Image as PILImage

from pytest_vlm.errors import SamplesError
from pytest_vlm.evaluation.predictions import Completion, Prediction
from pytest_vlm.evaluation.samples import Image, Sample

THREADS = 2
AHEAD = 2


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
    batches: Iterable[Sequence[Sample]], max_pixels: int | None
) -> Iterator[list[Question]]:
    """The batches in order; questions about one picture share it, decoded once a batch."""
    pending: deque[list[_Opening]] = deque()
    with ThreadPoolExecutor(THREADS, thread_name_prefix="vlm-decode") as threads:
        try:
            for batch in batches:
                pictures = {
                    frame: threads.submit(Picture.decode, frame, max_pixels)
                    for frame in dict.fromkeys(frame for sample in batch for frame in sample.frames)
                }
                pending.append([_Opening(s, [pictures[f] for f in s.frames]) for s in batch])
                if len(pending) > AHEAD:
                    yield [opening.question() for opening in pending.popleft()]
            while pending:
                yield [opening.question() for opening in pending.popleft()]
        finally:
            threads.shutdown(wait=False, cancel_futures=True)


@dataclass(frozen=True)
class _Opening:
    sample: Sample
    pictures: list[Future[Picture]]

    def question(self) -> Question:
        try:
            return Question(self.sample, [picture.result() for picture in self.pictures])
        except SamplesError as error:
            return Question(self.sample, [], str(error))
