"""Makes the golden checks of a session: which map, whose answer, where it is kept."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path

from pytest_vlm.checkpoint.spec import CheckpointSpec
from pytest_vlm.errors import SettingsError, VlmError
from pytest_vlm.evaluation.dataset import Dataset
from pytest_vlm.evaluation.run import EvaluationRun
from pytest_vlm.evaluation.samples import Sample
from pytest_vlm.golden.accepting.signature import in_ci
from pytest_vlm.golden.asked import AskedGoldens
from pytest_vlm.golden.case import FLAG, GoldenCase
from pytest_vlm.golden.check import GoldenCheck
from pytest_vlm.golden.golden import Provenance
from pytest_vlm.golden.storage.store import GoldenStore
from pytest_vlm.golden.storage.variants import Variant
from pytest_vlm.heatmap.heatmap import Heatmap
from pytest_vlm.paths import readable
from pytest_vlm.report.evidence import EvidenceFolder
from pytest_vlm.report.model import Record
from pytest_vlm.settings import Settings
from pytest_vlm.versions import installed_versions

LIBRARIES = ("pytest-vlm", "torch", "transformers", "numpy")
# As safetensors spells them; the narrowest that a checkpoint is saved in is the one it computes in.
DTYPES = {"F16": "float16", "BF16": "bfloat16", "F32": "float32", "F64": "float64"}


class Goldens:
    """Makes golden checks on behalf of a session.

    Args:
        settings: of the run.
        folder: where evidence and pending goldens go.
        run: answers and maps of the checkpoints.
        fingerprint: of a checkpoint's files.
        device: that a checkpoint answers on.
        record: told what every check found.
        dtypes: of a checkpoint's weights, as safetensors spells them.
        dataset: gives the run's dataset, or None without one; a calibration asks its samples in
            one batch with the golden's.
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
        dtypes: Callable[[CheckpointSpec], Sequence[str]] = lambda spec: (),
        dataset: Callable[[], Dataset | None] = lambda: None,
    ) -> None:
        self._settings = settings
        self._folder = folder
        self._run = run
        self._fingerprint = fingerprint
        self._device = device
        self._record = record
        self._dtypes = dtypes
        self._dataset = dataset
        self._asked = AskedGoldens()

    def check_accepting(self, candidates: int) -> None:
        """Refuse to accept goldens where nobody could have looked at them.

        Raises:
            SettingsError: goldens of several candidates are to be accepted at once, or a machine
                runs this.
        """
        if not self._settings.accept_goldens:
            return
        if in_ci(os.environ):
            raise SettingsError(
                f"{FLAG} is refused where CI is set: nobody looks at what would be accepted. Run "
                "without it, download the report folder and accept from there: "
                f"python -m pytest_vlm accept {shlex.quote(readable(self._folder))}"
            )
        if candidates > 1:
            raise SettingsError(
                f"{FLAG} with several candidates would keep the last one's maps; give the one "
                "whose maps are right"
            )

    def make(
        self,
        candidate: CheckpointSpec,
        baseline: CheckpointSpec,
        *,
        test: str,
        name: str,
        node: str,
    ) -> GoldenCheck:
        """The golden `name` of a test, to be checked against the candidate's map.

        Raises:
            GoldenError: that cannot be its name.
            SettingsError: see `check_accepting`.
        """
        self.check_accepting(1)
        dtype = self._dtype(candidate)
        case = GoldenCase(
            id=f"{test}/{name}",
            test=node,
            candidate=candidate.name,
            accepted=GoldenStore(self._settings.goldens),
            report=self._folder,
            accepting=self._settings.accept_goldens,
            variant=Variant.on(self._device(candidate), dtype),
            claim=partial(self._asked.claim, candidate.name),
            record=self._record,
            degraded=lambda: self._run.degraded,
        )
        return GoldenCheck(
            case=case,
            provenance=partial(self._provenance, candidate, node),
            baseline_map=partial(self._beside, baseline),
            remake=partial(self._remake, candidate),
            evidence=EvidenceFolder(self._folder),
        )

    def _provenance(self, spec: CheckpointSpec, node: str, heatmap: Heatmap | None) -> Provenance:
        origin = Provenance(
            checkpoint=spec.name,
            fingerprint=self._fingerprint(spec),
            device=self._device(spec),
            dtype=self._dtype(spec),
            versions=self._versions,
            test=node.partition("[")[0],
        )
        if heatmap is None or heatmap.sample is None:
            return origin
        return replace(
            origin,
            sample_id=heatmap.sample.id,
            sample_digest=heatmap.sample.digest,
            answer=self._run.predict(spec, [heatmap.sample])[0].answer,
            method=heatmap.method,
            layers=heatmap.layers,
            span=heatmap.span,
        )

    def _beside(self, baseline: CheckpointSpec, heatmap: Heatmap) -> Heatmap | None:
        """The baseline's map of the same sample by the same method; None where there is none."""
        assert heatmap.sample is not None
        samples = [heatmap.sample]
        (usual,) = self._run.relevance_or_none(baseline, samples)
        if usual is None or usual.method == heatmap.method:
            return usual
        try:
            return self._run.relevance(baseline, samples, method=heatmap.method)[0]
        except VlmError:
            return None

    def _dtype(self, spec: CheckpointSpec) -> str:
        if spec.load.dtype != "auto":
            return spec.load.dtype
        saved = self._dtypes(spec)
        return next((name for dtype, name in DTYPES.items() if dtype in saved), "")

    def _remake(
        self, spec: CheckpointSpec, sample: Sample, method: str | None, run: int
    ) -> Heatmap:
        """Made anew in one batch with `run` other samples, or with itself where there are none."""
        dataset = self._dataset()
        others = [one for one in dataset or () if one.digest != sample.digest][:run]
        others += [replace(sample, id=f"{sample.id} {n}") for n in range(run - len(others))]
        self._run.measure_anew(True)
        try:
            return self._run.relevance(spec, [sample, *others], method=method)[0]
        finally:
            self._run.measure_anew(False)

    @cached_property
    def _versions(self) -> Mapping[str, str]:
        return installed_versions(LIBRARIES)
