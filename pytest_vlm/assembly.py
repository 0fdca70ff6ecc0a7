"""The parts of a session, joined: each gets what it needs of the others and knows nothing else."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Self

from pytest_vlm.cache.opening import open_kept
from pytest_vlm.checkpoint.catalog import CheckpointCatalog
from pytest_vlm.checkpoint.pool import EnginePool
from pytest_vlm.checkpoint.spec import CheckpointSpec
from pytest_vlm.comparison.comparing import Comparing
from pytest_vlm.devices import Devices
from pytest_vlm.engine.registry import find_loader
from pytest_vlm.evaluation import batch_plan, shuffling
from pytest_vlm.evaluation.dataset import Dataset
from pytest_vlm.evaluation.run import EvaluationRun
from pytest_vlm.evaluation.speed import SpeedPass
from pytest_vlm.evaluation.stores import Store
from pytest_vlm.golden.goldens import Goldens
from pytest_vlm.identities import Identities
from pytest_vlm.measuring import Measuring
from pytest_vlm.protocols import Engine, FingerprintedLoader, Loader, Progress
from pytest_vlm.report.evidence import EvidenceFolder
from pytest_vlm.report.model import ANSWERING, EventRecord, Record
from pytest_vlm.settings import Settings


@dataclass(frozen=True, kw_only=True)
class Assembly:
    """What a session works with.

    Attributes:
        store: answers, maps and scores.
        catalog: the checkpoints as their files describe them.
        pool: those that are loaded.
        identities: whose answers they give.
        measuring: what they take of time and memory.
        run: what they answer.
        comparing: makes comparisons.
        goldens: makes golden checks.
    """

    store: Store
    catalog: CheckpointCatalog
    pool: EnginePool
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
        local = settings.engine == "local"
        kept = open_kept(settings, lambda what: record(EventRecord(checkpoint="", event=what)))
        catalog = CheckpointCatalog(in_folders=local, digest=kept.digest)
        devices = Devices(local=local, catalog=catalog)
        known = {"local": partial(_load_local, catalog)}
        loader = find_loader(settings.engine, {**known, **loaders})
        pool = EnginePool(loader, settings.max_loaded)
        identities = Identities(
            settings=settings,
            catalog=catalog,
            fingerprint=loader.fingerprint if isinstance(loader, FingerprintedLoader) else None,
            keep=kept.store,
        )
        measuring = Measuring(pool=pool, find_meter=devices.meter, record=record)
        run = EvaluationRun(
            pool=pool,
            generation=settings.generation,
            dataset=dataset,
            identify=identities.of,
            evaluated=measuring.answers,
            measure=lambda spec: measuring.guard(spec, None, ANSWERING),
            progress=lambda what, done, total, memory=None: progress(
                what, done, total, measuring.in_use()
            ),
            look=batch_plan.LOOK if settings.sequential is None else shuffling.LOOK,
        )
        speed = SpeedPass(
            engine=pool.get,
            meter=devices.meter,
            generation=settings.generation,
            progress=progress,
        )
        return cls(
            store=kept.store,
            catalog=catalog,
            pool=pool,
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
                device=devices.of,
                record=record,
            ),
        )


def _load_local(catalog: CheckpointCatalog, spec: CheckpointSpec) -> Engine:
    from pytest_vlm.engine.local import LocalEngine

    return LocalEngine(spec, catalog.folder(spec).path)
