"""The seams: what the session asks of an engine, a loader and a meter."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Protocol, runtime_checkable

from pytest_vlm.checkpoint.spec import CheckpointSpec
from pytest_vlm.evaluation.explanation import MapRequest
from pytest_vlm.evaluation.predictions import Prediction
from pytest_vlm.evaluation.samples import Sample
from pytest_vlm.heatmap.heatmap import Heatmap
from pytest_vlm.settings import GenerationSettings


class Engine(Protocol):
    """One loaded checkpoint."""

    @property
    def device(self) -> str:
        """Where it runs: ``cpu``, ``cuda:0``, or a server's address."""

    @property
    def no_relevance(self) -> str:
        """Why it gives no relevance maps; empty where it does."""

    def predict(
        self, batches: Iterable[Sequence[Sample]], settings: GenerationSettings
    ) -> Iterator[list[Prediction]]:
        """Answer batch by batch, in order; it may look ahead, but not mix them.

        A sample that it cannot answer gets a completion of ``error``.
        """

    def relevance(
        self,
        samples: Sequence[Sample],
        predictions: Sequence[Prediction],
        settings: GenerationSettings,
        wanted: MapRequest = MapRequest(),
    ) -> list[Heatmap]:
        """One map a sample, of the answer that was predicted, wherever that came from.

        Raises:
            RelevanceUnavailable: with the reason that `no_relevance` gives, or because this
                checkpoint does not allow the method.
            SettingsError: it does not know the method; `RelevanceUnavailable` might skip a test.
        """

    def close(self) -> None:
        """Free what it holds; it is not used afterwards."""


@runtime_checkable
class ResidentEngine(Protocol):
    """An engine whose weights lie in this process, so that they can be counted, moved and shared.

    Other engines, such as a server's, hold nothing here.
    """

    @property
    def device(self) -> str:
        """Where its weights are now: ``cpu``, ``cuda:0``."""

    def storages(self) -> Mapping[tuple[str, int], int]:
        """Bytes of each piece of memory that its weights occupy, by device and address.

        Engines that share a piece name it alike, so that it counts once.
        """

    def move(self, device: str) -> None:
        """Take its weights to another device; what is shared there is shared again."""

    def written(self) -> Sequence[str]:
        """Names of weights that are no longer what was loaded; a sample of them is looked at."""


Loader = Callable[[CheckpointSpec], Engine]


@runtime_checkable
class FingerprintedLoader(Protocol):
    """A loader whose checkpoints' answers may be kept for the next run."""

    def __call__(self, spec: CheckpointSpec) -> Engine:
        """Load it."""

    def fingerprint(self, spec: CheckpointSpec) -> str:
        """A digest of everything that decides the checkpoint's answers, beside the settings.

        Raises:
            CheckpointError: there is no such checkpoint.
        """


class Meter(Protocol):
    """Measures the memory of one device."""

    @property
    def device(self) -> str:
        """What is measured, in words: ``CPU (resident memory)``."""

    def reset(self) -> None:
        """Forget the peak so far."""

    def settle(self) -> None:
        """Collect garbage and give back what is free, so that only what is held remains."""

    def current(self) -> int:
        """Bytes in use now."""

    def peak(self) -> int:
        """Most bytes in use since the last reset."""


class Progress(Protocol):
    """Told how far a long piece of work is."""

    def __call__(
        self,
        what: str,
        done: int,
        total: int,
        memory: int | None = None,
        unit: str = "samples",
    ) -> None:
        """`done` of `total` units of the work called `what`; `memory` in use, in bytes."""
