"""Makes the golden checks of a session: which map, whose answer, where it is kept."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from pytest_vlm.checkpoint.spec import CheckpointSpec
from pytest_vlm.evaluation.run import EvaluationRun
from pytest_vlm.golden.check import GoldenCheck
from pytest_vlm.golden.store import GoldenStore, Provenance
from pytest_vlm.heatmap.heatmap import Heatmap
from pytest_vlm.report.evidence import EvidenceFolder
from pytest_vlm.report.model import Record
from pytest_vlm.settings import Settings


class Goldens:
    """Makes golden checks on behalf of a session.

    Args:
        settings: of the run.
        folder: where evidence and pending goldens go.
        run: answers and maps of the checkpoints.
        fingerprint: of a checkpoint's files.
        device: that a checkpoint answers on.
        record: told what every check found.
    """

    def __init__(
        self,
        *,
        settings: Settings,
        folder: Path,
        run: EvaluationRun,
        fingerprint: Callable[[CheckpointSpec], str],
        device: Callable[[CheckpointSpec], str],
        record: Callable[[Record], None],
    ) -> None:
        self._settings = settings
        self._folder = folder
        self._run = run
        self._fingerprint = fingerprint
        self._device = device
        self._record = record

    def make(
        self,
        candidate: CheckpointSpec,
        baseline: CheckpointSpec,
        *,
        test: str,
        name: str,
        node: str,
    ) -> GoldenCheck:
        """The golden `name` of a test, to be checked against the candidate's map."""
        return GoldenCheck(
            id=f"{test}/{name}",
            candidate=candidate.name,
            accepted=GoldenStore(self._settings.goldens),
            report=self._folder,
            accept=self._settings.accept_goldens,
            provenance=lambda heatmap: self._provenance(candidate, heatmap),
            baseline_map=lambda sample: self._run.relevance_or_none(baseline, [sample])[0],
            evidence=EvidenceFolder(self._folder),
            record=self._record,
            test=node,
            degraded=lambda: self._run.degraded,
        )

    def _provenance(self, spec: CheckpointSpec, heatmap: Heatmap) -> Provenance:
        assert heatmap.sample is not None
        return Provenance(
            sample_id=heatmap.sample.id,
            sample_digest=heatmap.sample.digest,
            method=heatmap.method,
            checkpoint=spec.name,
            fingerprint=self._fingerprint(spec),
            answer=self._run.predict(spec, [heatmap.sample])[0].answer,
            device=self._device(spec),
        )
