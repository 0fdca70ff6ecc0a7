"""Examples from a dataset: what can be shown beside the question box, and how it is picked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from pytest_vlm.evaluation.samples import Sample

SHOWN = 12
CONSIDERED = 240


def askable(samples: Iterable[Sample]) -> list[Sample]:
    """The samples that are one picture and one question, so that the page can ask them."""
    return [sample for sample in samples if _is_plain(sample)]


def choose_examples(samples: Sequence[Sample]) -> list[Sample]:
    """A few early samples, as different from each other in picture and question as they can be."""
    left = list(samples[:CONSIDERED])
    chosen: list[Sample] = []
    pictures: Counter[str] = Counter()
    queries: Counter[str] = Counter()
    while left and len(chosen) < SHOWN:
        best = min(left, key=lambda s: (pictures[s.frames[0].digest], queries[s.query]))
        left.remove(best)
        chosen.append(best)
        pictures[best.frames[0].digest] += 1
        queries[best.query] += 1
    return chosen


def write_picture(sample: Sample, folder: Path) -> Path:
    """The sample's picture, byte for byte, as a file in a folder that the app may serve."""
    frame = sample.frames[0]
    suffix = frame.source.suffix if isinstance(frame.source, Path) else ".png"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{frame.digest}{suffix}"
    path.write_bytes(frame.read())
    return path


def _is_plain(sample: Sample) -> bool:
    if len(sample.frames) != 1:
        return False
    asked = Sample.ask(id=sample.id, image=sample.frames[0].source, query=sample.query)
    return asked.digest == sample.digest
