"""Relevance maps of answers: looked up, or made batch by batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from pytest_vlm.checkpoint.pool.pool import EnginePool
from pytest_vlm.checkpoint.spec import CheckpointSpec
from pytest_vlm.evaluation.batch_plan import Batch, plan_batches
from pytest_vlm.evaluation.explanation import MapRequest, Span, answer_span
from pytest_vlm.evaluation.keys import heatmap_key
from pytest_vlm.evaluation.map_cost import MapCost
from pytest_vlm.evaluation.predictions import Prediction
from pytest_vlm.evaluation.replies import check_maps
from pytest_vlm.evaluation.samples import Sample
from pytest_vlm.evaluation.stores import Identity
from pytest_vlm.heatmap.heatmap import Heatmap
from pytest_vlm.protocols import Progress
from pytest_vlm.scores.extraction import Extractor
from pytest_vlm.settings import GenerationSettings


@dataclass(frozen=True)
class Explained:
    """Answers of which maps are wanted, planned in batches of their own.

    Attributes:
        settings: as the answers were generated.
        method: of the maps.
        spans: of each answer, what is explained.
    """

    samples: Sequence[Sample]
    predictions: Sequence[Prediction]
    batches: tuple[Batch, ...]
    keys: list[str]
    settings: GenerationSettings
    method: str
    spans: Sequence[Span]


class Explaining:
    """Makes maps on behalf of a run.

    Args:
        pool: where engines come from.
        asking: told of how many samples a map is wanted next; of none before a checkpoint is
            loaded.
        progress: told how far it is.
        told: told what maps will cost that take more than one forward pass a sample.
        budget: most forward passes that one question for such maps may take.
    """

    def __init__(
        self,
        *,
        pool: EnginePool,
        asking: Callable[[int], None],
        progress: Progress,
        told: Callable[[CheckpointSpec, str], None],
        budget: int,
    ) -> None:
        self._pool = pool
        self._asking = asking
        self._progress = progress
        self._told = told
        self._budget = budget

    def explain(
        self,
        who: Identity,
        samples: Sequence[Sample],
        predictions: Sequence[Prediction],
        settings: GenerationSettings,
        method: str,
        extraction: Sequence[Extractor] = (),
    ) -> Explained:
        """Plan the maps of answers in batches of their own.

        Args:
            who: gives them.
            samples: that were asked.
            predictions: their answers; of each the first completion is explained.
            settings: as the answers were generated.
            method: of the maps.
            extraction: takes the final answer out of the whole text; that part is explained.
        """
        batches = tuple(plan_batches(samples, settings))
        completions = [prediction.completions[0] for prediction in predictions]
        spans = [answer_span(completion, extraction) for completion in completions]
        keys = [""] * len(samples)
        for batch in batches:
            for place in batch.positions:
                keys[place] = heatmap_key(
                    who.key,
                    batch.digest,
                    samples[place],
                    method=method,
                    span=spans[place],
                    raw=completions[place].raw,
                )
        return Explained(samples, predictions, batches, keys, settings, method, spans)

    def maps(self, who: Identity, asked: Explained) -> list[Heatmap]:
        """One map a sample, in order; those that are not known are made and kept.

        Raises:
            RelevanceBudgetError: they would take too many forward passes; none was made.
            RelevanceUnavailable: the checkpoint gives none.
        """
        known = dict(enumerate(who.store.heatmaps(asked.keys)))
        if None in known.values():
            with who.store.lock(who.key):  # another process may make the same
                missing = [place for place, heatmap in known.items() if heatmap is None]
                found = who.store.heatmaps([asked.keys[place] for place in missing])
                known.update(zip(missing, found, strict=True))
                self._make(who, asked, known)
        return [
            replace(heatmap, sample=sample)
            for heatmap, sample in zip(known.values(), asked.samples, strict=True)
            if heatmap is not None
        ]

    def _make(self, who: Identity, asked: Explained, known: dict[int, Heatmap | None]) -> None:
        """Make the maps of every batch that misses one, and keep them."""
        todo = [b for b in asked.batches if any(known[place] is None for place in b.positions)]
        done, total = 0, sum(len(batch.positions) for batch in todo)
        self._announce(who.spec, asked, [place for b in todo for place in b.positions])
        for batch in todo:
            self._progress(f"{who.spec.name}: maps", done, total)
            self._asking(0)
            samples = [asked.samples[place] for place in batch.positions]
            with self._pool.lease(who.spec.explained_by) as engine:
                self._asking(len(samples))
                maps = engine.relevance(
                    samples,
                    [asked.predictions[place] for place in batch.positions],
                    asked.settings,
                    MapRequest(
                        method=asked.method,
                        spans=tuple(asked.spans[place] for place in batch.positions),
                    ),
                )
            check_maps(who.spec, samples, maps)
            who.check_unchanged()
            items = [(asked.keys[p], m) for p, m in zip(batch.positions, maps, strict=True)]
            who.store.store_heatmaps(items, checkpoint=who.fingerprint)
            known.update(zip(batch.positions, maps, strict=True))
            done += len(maps)
        if todo:
            self._progress(f"{who.spec.name}: maps", total, total)

    def _announce(self, spec: CheckpointSpec, asked: Explained, places: Sequence[int]) -> None:
        """Say what it will cost, or refuse it, before a model is loaded for it."""
        cost = MapCost.of(
            asked.method,
            [asked.samples[place] for place in places],
            [asked.predictions[place] for place in places],
        )
        cost.check(spec.name, self._budget)
        if cost.more_than_one_a_sample:
            self._told(spec, str(cost))
