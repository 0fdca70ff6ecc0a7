"""What may be asked: arguments from outside become a sample, or a refusal that says what to do."""

from __future__ import annotations

from pathlib import Path

from pytest_vlm.errors import SamplesError
from pytest_vlm.evaluation.samples import Sample

LONGEST_QUERY = 4_000
LARGEST_FILE = 20 * 2**20
MOST_PIXELS = 40_000_000


class Refusal(Exception):
    """A question that cannot be asked as it is.

    Attributes:
        title: what is wrong.
        next_step: a sentence that stands alone and says what to do.
    """

    def __init__(self, title: str, next_step: str) -> None:
        super().__init__(f"{title}: {next_step}")
        self.title = title
        self.next_step = next_step


def read_question(image: object, query: object) -> Sample:
    """A sample of a picture's path and a query, both from outside.

    Raises:
        Refusal: something is missing, too large, or no picture.
    """
    if not isinstance(image, Path):
        raise Refusal("No picture", "Give a picture: drop one on the left, or click an example.")
    if not isinstance(query, str) or not query.strip():
        raise Refusal("No question", "Type a question about the picture.")
    if len(query) > LONGEST_QUERY:
        raise Refusal(
            "Question too long",
            f"The question has {len(query):,} characters; keep it under {LONGEST_QUERY:,}.",
        )
    too_large = Refusal(
        "Picture too large",
        f"The picture may have {MOST_PIXELS // 10**6} megapixels and {LARGEST_FILE // 2**20} MiB; "
        "shrink it and try again.",
    )
    try:
        if image.stat().st_size > LARGEST_FILE:
            raise too_large
        sample = Sample.ask(id="asked", image=image, query=query)
        width, height = sample.frames[0].size
        if width * height > MOST_PIXELS:
            raise too_large
        sample.frames[0].open()
    except (OSError, SamplesError):
        raise Refusal(
            "No readable picture",
            "The picture cannot be opened; save it as PNG, JPEG or WebP and try again.",
        ) from None
    return sample
