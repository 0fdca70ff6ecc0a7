"""A sample, a map of it, and where goldens of it lie."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from pytest_vlm.evaluation.samples import Sample
from pytest_vlm.golden.golden import Golden, Provenance
from pytest_vlm.heatmap.heatmap import Heatmap


@pytest.fixture
def sample(picture) -> Sample:
    return Sample.ask(id="0007", image=picture(), query="Which digit?", targets=("7",))


@pytest.fixture
def heatmap(sample) -> Heatmap:
    values = np.random.default_rng(7).random((8, 8))
    drawn = Heatmap.of_grid(values, size=(64, 64), method="attention")
    return replace(drawn, sample=sample, layers=(2, 3), span=(0, 1))


@pytest.fixture
def provenance(sample) -> Provenance:
    return Provenance(
        sample_id=sample.id,
        sample_digest=sample.digest,
        method="attention",
        layers=(2, 3),
        span=(0, 1),
        checkpoint="B",
        fingerprint="f" * 32,
        answer="7 é",
        device="cpu",
        dtype="float32",
        versions={"pytest-vlm": "0.9", "torch": "2.13.0", "transformers": "5.1", "numpy": "2.4"},
        test="suites/test_x.py::test_x",
    )


@pytest.fixture
def make_golden(heatmap, provenance, picture) -> Callable[..., Golden]:
    def make(id: str = "test_x/seven", **changes: object) -> Golden:
        golden = Golden(id=id, heatmap=heatmap, picture=picture(), provenance=provenance)
        return replace(golden, **changes)

    return make
