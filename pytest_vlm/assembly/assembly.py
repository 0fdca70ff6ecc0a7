"""The parts of a session, joined: each gets what it needs of the others and knows nothing else."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Self

from pytest_vlm.assembly.devices import Devices
from pytest_vlm.assembly.identities import Identities
from pytest_vlm.assembly.loading import Needs, open_pool
from pytest_vlm.assembly.measuring import Measuring
from pytest_vlm.cache.folder import default_folder
from pytest_vlm.cache.opening import open_kept
from pytest_vlm.checkpoint.catalog import CheckpointCatalog
from pytest_vlm.checkpoint.pool.pool import EnginePool
from pytest_vlm.checkpoint.spec import CheckpointSpec
from pytest_vlm.comparison.comparing import Comparing
from pytest_vlm.engine.registry import find_loader
from pytest_vlm.evaluation import batch_plan, shuffling
from pytest_vlm.evaluation.dataset import Dataset
from pytest_vlm.evaluation.run import EvaluationRun
from pytest_vlm.evaluation.speed import SpeedPass
from pytest_vlm.evaluation.stores import Store
from pytest_vlm.golden.goldens import Goldens
from pytest_vlm.memory.capacity import Capacity
from pytest_vlm.memory.ladder import Ladder
from pytest_vlm.memory.release import empty_cache
from pytest_vlm.protocols import Engine, Loader, Progress
from pytest_vlm.report.evidence import EvidenceFolder
from pytest_vlm.report.model import ANSWERING, EventRecord, Record
from pytest_vlm.settings import Settings

DOWNLOADS = "models"


@dataclass(frozen=True, kw_only=True)
class Assembly:
    """What a session works with.

    Attributes:
        store: answers, maps and scores.
        catalog: the checkpoints as their files describe them.
        pool: those that are loaded.
        capacity: what their devices are held to.
        identities: whose answers they give.
        measuring: what they take of time and memory.
        run: what they answer.
        comparing: makes comparisons.
        goldens: makes golden checks.
    """

    store: Store
    catalog: CheckpointCatalog
    pool: EnginePool
    capacity: Capacity
    identities: Identities
    measuring: Measuring
    run: EvaluationRun
    comparing: Comparing
    goldens: Goldens

    @classmethod
    def of(
        cls,
        settings: Settings,
        *,
        loaders: Mapping[str, Loader],
        folder: Path,
        record: Callable[[Record], None],
        progress: Progress,
        family: Callable[[], int],
        dataset: Callable[[], Dataset | None],
    ) -> Self:
        """Join the parts; nothing on the disk is touched yet.

        Args:
            settings: what to do.
            loaders: engine name to loader, beside those that are known.
            folder: where evidence and pending goldens go.
            record: told everything a report needs.
            progress: told how far an evaluation is.
            family: how many claims the run makes.
            dataset: gives the run's dataset, or None without one.

        Raises:
            SettingsError: an unknown engine.
        """

        def told(spec: CheckpointSpec | None, event: str) -> None:
            record(EventRecord(checkpoint="" if spec is None else spec.name, event=event))

        local, tell = settings.engine == "local", partial(told, None)
        kept = open_kept(settings, tell, progress)
        catalog = CheckpointCatalog(
            in_folders=local,
            digest=kept.digest,
            downloads=(settings.cache_dir or default_folder(os.environ)) / DOWNLOADS,
        )
        devices = Devices(local=local, catalog=catalog)
        loader = find_loader(settings.engine, {"local": _LocalLoader(catalog), **loaders})
        needs = Needs(settings, catalog, dataset)
        capacity = Capacity(settings.memory_budget, tell)
        pool = open_pool(
            settings,
            loader=loader,
            devices=devices,
            needs=needs,
            capacity=capacity,
            told=told,
            starts=lambda spec: measuring.in_use(f"making room for {spec}"),
        )
        identities = Identities(
            settings=settings, catalog=catalog, fingerprint=loader.fingerprint, keep=kept.store
        )
        measuring = Measuring(
            pool=pool,
            find_meter=devices.meter,
            record=record,
            weights=pool.weights,
            watched=pool.watched,
            expected=needs.parts,
        )
        ladder = Ladder(
            batch_size=settings.generation.batch_size,
            device=devices.of,
            meter=devices.meter,
            evict=pool.evict_idle,
            empty_cache=empty_cache,
            told=told,
        )
        run = EvaluationRun(
            pool=pool,
            generation=settings.generation,
            relevance=settings.relevance,
            told=told,
            ladder=ladder,
            dataset=dataset,
            identify=identities.of,
            evaluated=measuring.answers,
            measure=lambda spec: measuring.guard(spec, None, ANSWERING),
            progress=lambda what, done, total, memory=None, unit="samples": progress(
                what, done, total, measuring.glance(last=done in (0, total)), unit
            ),
            look=batch_plan.LOOK if settings.sequential is None else shuffling.LOOK,
        )
        speed = SpeedPass(
            lease=pool.lease,
            meter=measuring.meter,
            beside=pool.beside,
            generation=settings.generation,
            progress=progress,
        )
        return cls(
            store=kept.store,
            catalog=catalog,
            pool=pool,
            capacity=capacity,
            identities=identities,
            measuring=measuring,
            run=run,
            comparing=Comparing(
                settings=settings,
                run=run,
                speed=speed,
                pool=pool,
                dataset=dataset,
                evidence=EvidenceFolder(folder),
                record=record,
                family=family,
            ),
            goldens=Goldens(
                settings=settings,
                folder=folder,
                run=run,
                fingerprint=lambda spec: catalog.summary(spec).fingerprint,
                device=lambda spec: devices.of(run.placed(spec)),
                dtypes=lambda spec: catalog.summary(spec).dtypes,
                dataset=dataset,
                record=record,
            ),
        )


class _LocalLoader:
    """Imports torch at the first load; one for the session, or nothing would be shared."""

    def __init__(self, catalog: CheckpointCatalog) -> None:
        self._catalog = catalog

    def __call__(self, spec: CheckpointSpec) -> Engine:
        return self._loader(spec)

    @cached_property
    def _loader(self) -> Loader:
        from pytest_vlm.engine.residents import LocalLoader

        return LocalLoader(self._catalog.folder)
