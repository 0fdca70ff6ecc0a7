"""The questions of a pilot, and what two checkpoints make of them."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_vlm.errors import EngineError, SettingsError

if TYPE_CHECKING:
    from pytest_vlm.evaluation.dataset import Dataset
    from pytest_vlm.evaluation.samples import Sample
    from pytest_vlm.protocols import Progress
    from pytest_vlm.report.model import Record
    from pytest_vlm.scores.score import Score
    from pytest_vlm.session import Session

SEED = 0
READ = 64


@dataclass(frozen=True, kw_only=True)
class Questions:
    """The whole file, and those that are asked.

    Attributes:
        samples: of the file that the score applies to.
        clusters: they are in so many.
        deff: design effect to plan with, from the sizes of all clusters.
        chosen: for the pilot.
    """

    samples: int
    clusters: int
    deff: float
    chosen: list[Sample]


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What the pilot found.

    Attributes:
        names: of the baseline and of the candidate.
        means: of the score.
        differences: candidate - baseline of each sample.
        speeds: samples a second, after the first batch where there are more; None where an engine
            does not measure its batches, and of a candidate that is the baseline itself.
    """

    names: tuple[str, str]
    means: tuple[float, float]
    differences: list[float]
    speeds: tuple[float | None, float | None]

    @property
    def discordant(self) -> int:
        """Samples in which the two differ."""
        return sum(difference != 0 for difference in self.differences)

    @property
    def interval(self) -> tuple[float, float]:
        """Of the discordant rate, by Clopper & Pearson (1934), 95 %, as of independent samples."""
        from scipy.stats import binomtest

        found = binomtest(self.discordant, len(self.differences))
        interval = found.proportion_ci(0.95, method="exact")
        return float(interval.low), float(interval.high)

    def minutes(self, n: int) -> str:
        """To answer n samples, one checkpoint after the other; known answers take no time."""
        known = [speed for speed in self.speeds if speed is not None]
        if not known:
            return "-"
        minutes = sum(n / speed for speed in known) / 60
        return "under 0.1" if minutes < 0.05 else f"{minutes:,.1f}"


def choose_questions(dataset: Dataset, score: Score, pilot: int, progress: Progress) -> Questions:
    """Whole clusters in a random order that is the same every time, until there are enough.

    The first samples of a file are often of one kind.

    Raises:
        SettingsError: the score applies to none of the samples.
    """
    from pytest_vlm.stats.clusters import least_deff

    clusters: dict[str, list[int]] = {}
    for position, sample in enumerate(dataset):  # reads every picture, to know which are the same
        if position % READ == 0:
            progress("samples: read", position, len(dataset))
        if score.applies_to(sample):
            clusters.setdefault(sample.cluster, []).append(position)
    progress("samples: read", len(dataset), len(dataset))
    if not clusters:
        raise SettingsError(f"{score.name} applies to none of the {len(dataset)} samples")
    groups = list(clusters.values())
    random.Random(SEED).shuffle(groups)
    places = [place for group in groups for place in group]
    sizes = [len(group) for group in groups]
    return Questions(
        samples=len(places),
        clusters=len(groups),
        deff=least_deff(sizes),
        chosen=[dataset[place] for place in places[:pilot]],
    )


def measure(session: Session, samples: Sequence[Sample], score: Score) -> Measured:
    """Both checkpoints' values.

    Raises:
        EngineError: a sample has no value.
    """
    specs = (session.baseline, session.candidates[0])
    values: list[list[float]] = []
    speeds: list[float | None] = []
    for spec in specs:
        start = len(session.records)
        session.predict(spec, samples[: session.settings.generation.batch_size])
        warm = len(session.records)  # the first batch takes longer than all later ones
        evaluation = session.evaluate(spec, samples, score)
        for sample, value in zip(samples, evaluation.values, strict=True):
            if value.value is None:
                raise EngineError(f"{spec.name} has no value for {sample.id}: {value.reason}")
        values.append(evaluation.numbers())
        speeds.append(_speed(session.records[warm:]) or _speed(session.records[start:]))
    sign = 1 if score.better == "higher" else -1
    baseline, candidate = values
    return Measured(
        names=(specs[0].name, specs[1].name),
        means=(math.fsum(baseline) / len(samples), math.fsum(candidate) / len(samples)),
        differences=[sign * (b - a) for a, b in zip(baseline, candidate, strict=True)],
        speeds=(speeds[0], speeds[1]),
    )


def _speed(records: Sequence[Record]) -> float | None:
    """Samples a second."""
    from pytest_vlm.report.model import SpeedRecord

    asked = [record for record in records if isinstance(record, SpeedRecord)]
    seconds = sum(record.seconds for record in asked)
    return sum(record.samples for record in asked) / seconds if seconds > 0 else None
