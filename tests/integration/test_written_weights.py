"""Somebody changes a loaded model in place: no wrong answer is given, and none is kept."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from pytest_vlm.errors import EngineError
from pytest_vlm.report.model import EventRecord
from pytest_vlm.session import Session
from pytest_vlm.settings import Settings

DIGITS = Path(__file__).parents[2] / "app/digits"


@pytest.fixture
def start(tmp_path) -> Callable[[], Session]:
    settings = Settings(
        checkpoints=(f"A={DIGITS / 'checkpoints/strong'}",),
        samples=DIGITS / "heldout/samples.jsonl",
        limit=8,
        cache_dir=tmp_path / "cache",
    )
    return lambda: Session(settings, folder=tmp_path)


def write(engine) -> None:
    with torch.no_grad():
        for parameter in engine._model.parameters():
            parameter.zero_()


def answers(session: Session) -> list[str]:
    return [one.answer for one in session.predict(session.baseline, session.samples)]


def right(session: Session) -> list[str]:
    return [sample.targets[0] for sample in session.samples]


def test_an_idle_model_that_was_written_is_loaded_anew(start):
    with start() as session:
        write(session.engine(session.baseline))
        assert answers(session) == right(session)
        events = [one.event for one in session.records if isinstance(one, EventRecord)]
    assert any(event.startswith("was loaded anew, since its idle") for event in events)


def test_what_is_answered_after_a_write_is_an_error_and_not_kept(start):
    written = "its weights were written while it was leased: "
    with start() as session:
        lease = session.lease(session.baseline)
        with pytest.raises(EngineError, match=written), lease as engine:
            hook = engine._model.register_forward_hook(lambda *_: write(engine))
            with pytest.raises(EngineError, match=written):
                answers(session)
            hook.remove()
        assert answers(session) == right(session)
    with start() as session:
        assert answers(session) == right(session)
