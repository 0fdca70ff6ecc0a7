"""Weights that stay in host memory: the same answers, and the checkpoint's other rights and duties.

``cpu+cpu`` takes each layer's weights from host memory to the CPU, which is all the same path.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from pytest_vlm.session import Session
from pytest_vlm.settings import GenerationSettings, Settings

STRONG = Path(__file__).parents[2] / "app/digits/checkpoints/strong"


@pytest.fixture(scope="module")
def session(tmp_path_factory) -> Iterator[Session]:
    settings = Settings(
        checkpoints=(f"A={STRONG}", f"B={STRONG}?device=cpu%2Bcpu"),
        samples=STRONG.parents[1] / "heldout/samples.jsonl",
        limit=8,
        no_cache=True,
        generation=GenerationSettings(max_new_tokens=8),
    )
    with Session(settings, folder=tmp_path_factory.mktemp("report")) as session:
        yield session


def test_answers_are_those_of_weights_on_the_device(session):
    a, b = session.checkpoints
    together = [[p.answer for p in session.predict(spec, session.samples)] for spec in (a, b)]
    assert together[0] == together[1]
    assert any(together[0])


def test_maps_too(session):
    a, b = session.checkpoints
    (one,), (other,) = (session.relevance(spec, session.samples[:1]) for spec in (a, b))
    assert one.values == pytest.approx(other.values, abs=1e-6)


def test_its_weights_wait_elsewhere_and_nobody_wrote_them(session):
    with session.lease(session.checkpoints[1]) as engine:
        assert engine.device == "cpu"
        assert all(p.device == torch.device("meta") for p in engine._model.parameters())
        assert list(engine.written()) == []


def test_it_is_no_other_checkpoints_base(session):
    a, b = session.checkpoints
    with session.lease(b), session.lease(a) as engine:
        assert not any(p.is_meta for p in engine._model.parameters())
