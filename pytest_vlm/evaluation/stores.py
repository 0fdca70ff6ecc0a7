"""Where answers, maps and scores are kept between two questions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import Protocol

from pytest_vlm.checkpoint.spec import CheckpointSpec
from pytest_vlm.evaluation.predictions import Prediction
from pytest_vlm.heatmap.heatmap import Heatmap
from pytest_vlm.scores.score import ScoreValue


class Store(Protocol):
    """Values by key; keys are those of `pytest_vlm.evaluation.keys`. None is what is not known."""

    def predictions(self, keys: Sequence[tuple[str, str]]) -> list[Prediction | None]:
        """For each (key, sample id) the answer, under that id."""

    def store_predictions(
        self, items: Sequence[tuple[str, Prediction]], *, checkpoint: str
    ) -> None:
        """Keep answers of one checkpoint (its fingerprint)."""

    def heatmaps(self, keys: Sequence[str]) -> list[Heatmap | None]:
        """Maps, without their sample."""

    def store_heatmaps(self, items: Sequence[tuple[str, Heatmap]], *, checkpoint: str) -> None:
        """Keep maps of one checkpoint."""

    def scores(self, keys: Sequence[str]) -> list[ScoreValue | None]:
        """What scores said."""

    def store_scores(self, items: Sequence[tuple[str, ScoreValue]], *, score: str) -> None:
        """Keep what a score said."""

    def lock(self, name: str) -> AbstractContextManager[object]:
        """Held by one process at a time."""

    def close(self) -> None:
        """Let go of files; the next use opens them again."""


@dataclass(frozen=True)
class Identity:
    """Whose answers they are, and where they are kept.

    Attributes:
        spec: the checkpoint.
        key: of `pytest_vlm.evaluation.keys.checkpoint_key`.
        fingerprint: of its files; empty where the engine has none.
        store: of its answers.
        check_unchanged: raises CheckpointError where the files are not those of the fingerprint
            any more; called before anything is kept.
    """

    spec: CheckpointSpec
    key: str
    fingerprint: str
    store: Store
    check_unchanged: Callable[[], None]


class MemoryStore:
    """Forgets everything when the run ends; for engines that cannot say whose answers they give."""

    def __init__(self) -> None:
        self._predictions: dict[str, Prediction] = {}
        self._heatmaps: dict[str, Heatmap] = {}
        self._scores: dict[str, ScoreValue] = {}

    def predictions(self, keys: Sequence[tuple[str, str]]) -> list[Prediction | None]:
        """For each (key, sample id) the answer, under that id."""
        found = []
        for key, sample_id in keys:
            known = self._predictions.get(key)
            other = known is not None and known.sample_id != sample_id
            found.append(replace(known, sample_id=sample_id) if known and other else known)
        return found

    def store_predictions(
        self, items: Sequence[tuple[str, Prediction]], *, checkpoint: str
    ) -> None:
        """Keep answers."""
        self._predictions.update(items)

    def heatmaps(self, keys: Sequence[str]) -> list[Heatmap | None]:
        """Maps, without their sample."""
        return [self._heatmaps.get(key) for key in keys]

    def store_heatmaps(self, items: Sequence[tuple[str, Heatmap]], *, checkpoint: str) -> None:
        """Keep maps."""
        self._heatmaps.update(items)

    def scores(self, keys: Sequence[str]) -> list[ScoreValue | None]:
        """What scores said."""
        return [self._scores.get(key) for key in keys]

    def store_scores(self, items: Sequence[tuple[str, ScoreValue]], *, score: str) -> None:
        """Keep what a score said."""
        self._scores.update(items)

    def lock(self, name: str) -> AbstractContextManager[object]:
        """Nobody else sees this memory."""
        return nullcontext()

    def close(self) -> None:
        """Nothing to let go of."""
