"""What maps cost in forward passes, known before a model is loaded for them."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from math import ceil, prod

from pytest_vlm.errors import RelevanceBudgetError, SamplesError
from pytest_vlm.evaluation.batch_plan import PIXELS_PER_TOKEN
from pytest_vlm.evaluation.predictions import Prediction
from pytest_vlm.evaluation.samples import Sample

THERE_AND_BACK = ("grad_attention", "pixel_gradient")
ONE_FOR_EACH_TOKEN = ("occlusion",)


@dataclass(frozen=True)
class MapCost:
    """Of the maps that one question wants and nobody has.

    Attributes:
        method: of the maps.
        samples: how many maps.
        passes: forward passes for a sample, all of them together.
    """

    method: str
    samples: int
    passes: int

    @classmethod
    def of(
        cls, method: str, samples: Sequence[Sample], predictions: Sequence[Prediction]
    ) -> MapCost:
        """A backward pass counts as a forward one: no gradient of a weight is computed.

        Methods of other packages' engines count as one pass a sample.
        """
        pairs = zip(samples, predictions, strict=True)
        passes = [_passes(method, sample, prediction) for sample, prediction in pairs]
        return cls(method, len(passes), sum(passes))

    def __str__(self) -> str:
        return f"maps by {self.method}: {self.passes:,} forward passes for {self.samples:,} samples"

    @property
    def more_than_one_a_sample(self) -> bool:
        """Whether it is worth a word before the work."""
        return self.passes > self.samples

    def check(self, checkpoint: str, budget: int) -> None:
        """Refuse what is more than one pass a sample, and more than may be spent.

        Raises:
            RelevanceBudgetError: with both numbers.
        """
        if self.more_than_one_a_sample and self.passes > budget:
            raise RelevanceBudgetError(
                f"{checkpoint}: {self}, and the budget is {budget:,}; ask fewer samples "
                f"(--vlm-limit), allow more (--vlm-relevance-budget {self.passes}), or take "
                "another method (--vlm-relevance attention: one pass a sample)"
            )


def _passes(method: str, sample: Sample, prediction: Prediction) -> int:
    if method in THERE_AND_BACK:
        return 2
    if method in ONE_FOR_EACH_TOKEN:
        return 1 + (prediction.visual_tokens or _likely_tokens(sample))
    return 1


def _likely_tokens(sample: Sample) -> int:
    """Where nobody counted them, as for a server's answer."""
    pixels = 0
    for frame in sample.frames:
        with suppress(SamplesError):
            pixels += prod(frame.size)
    return ceil(pixels / PIXELS_PER_TOKEN)
