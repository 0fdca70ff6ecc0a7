"""The public fixtures: plain nouns and verbs that any conftest may override.

They build on the private ``_vlm_*`` fixtures alone, never on each other, so that overriding one
does not change another.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from itertools import count
from typing import TYPE_CHECKING

import pytest

from pytest_vlm.golden.storage.names import scope_of
from pytest_vlm.memory.size import parse_size
from pytest_vlm.pytest_run.markers import peak_limit
from pytest_vlm.pytest_run.run import open_session

if TYPE_CHECKING:
    from pytest_vlm.app_client import AppClient
    from pytest_vlm.checkpoint.spec import CheckpointSpec
    from pytest_vlm.comparison.comparison import Comparison
    from pytest_vlm.evaluation.dataset import Dataset
    from pytest_vlm.evaluation.predictions import Prediction
    from pytest_vlm.evaluation.samples import Sample
    from pytest_vlm.golden.check import GoldenCheck
    from pytest_vlm.heatmap.heatmap import Heatmap
    from pytest_vlm.scores.extraction import Extractor
    from pytest_vlm.scores.score import Score
    from pytest_vlm.session import Session


@pytest.fixture(scope="session")
def _vlm_session(pytestconfig: pytest.Config) -> Session:
    return open_session(pytestconfig)


@pytest.fixture(scope="session")
def _vlm_checkpoint(request: pytest.FixtureRequest) -> CheckpointSpec:
    return _given(request.param)


@pytest.fixture(scope="session")
def _vlm_candidate(request: pytest.FixtureRequest, _vlm_session: Session) -> CheckpointSpec:
    candidate = _given(request.param)
    _vlm_session.check_comparable(candidate)
    return candidate


def _given(param: CheckpointSpec | str) -> CheckpointSpec:
    if isinstance(param, str):
        pytest.fail(param, pytrace=False)
    return param


@pytest.fixture(scope="session")
def samples(_vlm_session: Session) -> Dataset:
    """The samples of --vlm-samples, found by position, slice or id."""
    return _vlm_session.samples


@pytest.fixture
def compare(
    request: pytest.FixtureRequest, _vlm_session: Session, _vlm_candidate: CheckpointSpec
) -> Callable[..., Comparison]:
    """compare(samples, score=...).assert_not_worse(margin=0.05): once for each candidate."""
    numbers = count(1)

    def make(samples: Sequence[Sample], *, score: Score) -> Comparison:
        node = request.node.nodeid
        return _vlm_session.compare(
            _vlm_candidate,
            samples,
            score=score,
            test=node,
            new_id=lambda: f"{node}#{next(numbers)}",
        )

    return make


@pytest.fixture
def predict(
    _vlm_session: Session, _vlm_checkpoint: CheckpointSpec
) -> Callable[[Sequence[Sample]], list[Prediction]]:
    """predict(samples): one prediction a sample; once for each checkpoint."""
    return lambda samples: _vlm_session.predict(_vlm_checkpoint, samples)


@pytest.fixture
def relevance(_vlm_session: Session, _vlm_checkpoint: CheckpointSpec) -> Callable[..., Heatmap]:
    """relevance(sample, method="attention"): the map of the checkpoint's answer; once for each."""

    def make(
        sample: Sample, *, method: str | None = None, extraction: Sequence[Extractor] = ()
    ) -> Heatmap:
        (heatmap,) = _vlm_session.relevance(
            _vlm_checkpoint, [sample], method=method, extraction=extraction
        )
        return heatmap

    return make


@pytest.fixture
def golden(
    request: pytest.FixtureRequest, _vlm_session: Session, _vlm_candidate: CheckpointSpec
) -> Callable[[str], GoldenCheck]:
    """golden("name").check(relevance(sample)): the accepted map; once for each candidate."""
    node = request.node.nodeid
    return lambda name: _vlm_session.golden(
        _vlm_candidate, test=scope_of(node), name=name, node=node
    )


@pytest.fixture
def memory_guard(
    request: pytest.FixtureRequest, _vlm_session: Session, _vlm_checkpoint: CheckpointSpec
) -> Callable[..., AbstractContextManager[object]]:
    """With memory_guard(peak="6 GiB"): ... measures a block that loads the checkpoint anew.

    Without a peak the checkpoint's ?budget= holds, then --vlm-memory-budget. A test may have
    several blocks, one after the other.
    """

    def guard(*, peak: str | int | None = None) -> AbstractContextManager[object]:
        given = None if peak is None else parse_size(peak)
        limit = peak_limit(given, _vlm_checkpoint, _vlm_session.settings)
        return _vlm_session.memory_guard(_vlm_checkpoint, limit=limit, test=request.node.nodeid)

    return guard


@pytest.fixture
def app_client(_vlm_session: Session, _vlm_checkpoint: CheckpointSpec) -> AppClient:
    """The app under test, answering with the checkpoint; started at the first use."""
    return _vlm_session.app(_vlm_checkpoint)


@pytest.fixture
def checkpoint(_vlm_checkpoint: CheckpointSpec) -> CheckpointSpec:
    """The checkpoint under test; once for each."""
    return _vlm_checkpoint


@pytest.fixture
def baseline(_vlm_session: Session) -> CheckpointSpec:
    """The first checkpoint."""
    return _vlm_session.baseline


@pytest.fixture
def candidate(_vlm_candidate: CheckpointSpec) -> CheckpointSpec:
    """The candidate under test; once for each."""
    return _vlm_candidate
