"""An engine of the app's own: it answers from the part of a picture that it looked at.

    pytest suites --checkpoint A --checkpoint B --vlm-engine focused

Each question is asked twice. The first answer's relevance map says which cells of the picture
mattered; all but the most relevant quarter are blanked, and what the checkpoint says then counts. A
checkpoint that looks at the right place loses little; one that answers from anywhere else loses
much. It is found by its entry point, as any other package's engine is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import ImageDraw

from pytest_vlm.checkpoint.folder import CheckpointFolder, inspect_folder
from pytest_vlm.checkpoint.spec import CheckpointSpec
from pytest_vlm.engine.local import LocalEngine
from pytest_vlm.evaluation.explanation import MapRequest
from pytest_vlm.evaluation.predictions import Prediction
from pytest_vlm.evaluation.samples import Image, Part, Sample, Text
from pytest_vlm.heatmap.heatmap import Heatmap
from pytest_vlm.heatmap.rendering import png
from pytest_vlm.settings import GenerationSettings

KEPT = 0.25


class FocusedEngine(LocalEngine):
    """A folder's checkpoint that is shown what it looked at, and nothing else of a picture."""

    def predict(
        self, batches: Iterable[Sequence[Sample]], settings: GenerationSettings
    ) -> Iterator[list[Prediction]]:
        """The second answers."""
        for batch in batches:
            yield from super().predict([self._focused(batch, settings)], settings)

    def relevance(
        self,
        samples: Sequence[Sample],
        predictions: Sequence[Prediction],
        settings: GenerationSettings,
        wanted: MapRequest = MapRequest(),
    ) -> list[Heatmap]:
        """Maps of the second answers, which see what was left of the pictures."""
        return super().relevance(self._focused(samples, settings), predictions, settings, wanted)

    def _focused(self, samples: Sequence[Sample], settings: GenerationSettings) -> Sequence[Sample]:
        first = next(super().predict([samples], replace(settings, completions=1)))
        answered = [
            (place, sample, prediction)
            for place, (sample, prediction) in enumerate(zip(samples, first, strict=True))
            if sample.frames and prediction.unusable != "error"
        ]
        if not answered:
            return samples
        places, asked, predictions = zip(*answered, strict=True)
        maps = super().relevance(asked, predictions, settings)
        focused = {place: focus(*pair) for place, *pair in zip(places, asked, maps, strict=True)}
        return [focused.get(place, sample) for place, sample in enumerate(samples)]


def focus(sample: Sample, heatmap: Heatmap, kept: float = KEPT) -> Sample:
    """The sample with every cell of its images blanked but the most relevant ones.

    Args:
        sample: videos in it stay as they are.
        heatmap: of the sample; of equally relevant cells all are kept.
        kept: share of the cells.
    """
    least = np.sort(heatmap.values)[-max(1, round(kept * heatmap.values.size))]
    dropped = heatmap.values < least
    numbers = count()

    def focused(part: Part) -> Part:
        if isinstance(part, Text):
            return part
        here = dropped & (heatmap.media == next(numbers))
        return _blanked(part, heatmap.boxes[here]) if isinstance(part, Image) else part

    messages = tuple(
        replace(message, parts=tuple(map(focused, message.parts))) for message in sample.messages
    )
    return replace(sample, messages=messages)


def _blanked(image: Image, boxes: NDArray[np.float32]) -> Image:
    """The image with its median colour in the boxes (x0, y0, x1, y1, exclusive)."""
    pixels = image.open()
    blank = tuple(int(one) for one in np.median(np.asarray(pixels), axis=(0, 1)))
    draw = ImageDraw.Draw(pixels)
    for x0, y0, x1, y1 in np.rint(boxes).astype(int).tolist():
        draw.rectangle((x0, y0, x1 - 1, y1 - 1), fill=blank)
    return Image(source=png(pixels))


class FocusedLoader:
    """Loads Hugging Face folders."""

    def __call__(self, spec: CheckpointSpec) -> FocusedEngine:
        """Load it, once its files were looked at.

        Raises:
            CheckpointError: no checkpoint that may be loaded, or weights that do not fit the
                configuration.
            EngineError: it could not be loaded for another reason.
        """
        return FocusedEngine(spec, _inspected(spec).path)

    def fingerprint(self, spec: CheckpointSpec) -> str:
        """Of the files, and of how much of a picture is kept.

        Raises:
            CheckpointError: no such folder, or no checkpoint that may be loaded.
        """
        trusted = "+code" if spec.trust_remote_code else ""
        return f"{_inspected(spec).fingerprint}{trusted} focused on {KEPT:g}"


def _inspected(spec: CheckpointSpec) -> CheckpointFolder:
    return inspect_folder(Path(spec.source), trust_remote_code=spec.trust_remote_code)


load_focused = FocusedLoader()
