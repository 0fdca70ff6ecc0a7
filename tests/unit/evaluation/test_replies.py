"""What an engine gives is held against what it was asked, before anything is counted or kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from pytest_vlm.engine.fake import FakeEngine, Script
from pytest_vlm.errors import EngineError
from pytest_vlm.evaluation.samples import Sample
from pytest_vlm.heatmap.heatmap import Heatmap
from pytest_vlm.session import Session
from pytest_vlm.settings import GenerationSettings, Settings

BATCH = 4


class Changed(FakeEngine):
    """Its answers and maps, as somebody's mistake changes them."""

    def __init__(
        self, answers: Callable = lambda given: given, maps: Callable = lambda given: given
    ) -> None:
        super().__init__(Script())
        self._answers, self._maps = answers, maps

    def predict(self, batches, settings):
        return map(self._answers, super().predict(batches, settings))

    def relevance(self, *asked):
        return self._maps(super().relevance(*asked))


@pytest.fixture
def open_session(tmp_path, picture):
    """A session with the engine, and its samples."""

    def opened(engine: FakeEngine, completions: int = 1) -> tuple[Session, list[Sample]]:
        settings = Settings(
            checkpoints=("A=a",),
            engine="mine",
            cache_dir=tmp_path / "cache",
            generation=GenerationSettings(
                batch_size=BATCH, completions=completions, temperature=1.0 if completions > 1 else 0
            ),
        )
        session = Session(settings, loaders={"mine": lambda spec: engine}, folder=tmp_path / "run")
        asked = [
            Sample.ask(id=str(number), image=picture(), query="?", targets=(str(number),))
            for number in range(2 * BATCH)
        ]
        return session, asked

    return opened


def elsewhere(maps: list[Heatmap]) -> list[Heatmap]:
    return [replace(one, media=np.ones_like(one.media)) for one in maps]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda given: given[::-1], "answered '3' in the place of '0'"),
        (
            lambda given: [replace(one, sample_id="x") for one in given],
            "answered 'x' in the place of '0'; predict answers a batch's samples in order",
        ),
        (lambda given: given[:-1], "predict gave 3 for 4 samples; predict gives a list of one"),
        (lambda given: given + given[:1], "predict gave 5 for 4 samples"),
        (lambda given: None, "predict gave a NoneType"),
        (lambda given: [one.answer for one in given], "predict gave a str"),
        (
            lambda given: [replace(one, completions=()) for one in given],
            "gave '0' 0 completions, 1 were asked for",
        ),
    ],
)
def test_answers_to_something_else_are_refused(open_session, change, said):
    session, asked = open_session(Changed(change))
    with session, pytest.raises(EngineError, match=f"^A: its engine.*{said}"):
        session.predict(session.baseline, asked)


def test_fewer_draws_than_asked_for_are_refused(open_session):
    one = Changed(lambda given: [replace(p, completions=p.completions[:1]) for p in given])
    session, asked = open_session(one, completions=3)
    with session, pytest.raises(EngineError, match="gave '0' 1 completions, 3 were asked for"):
        session.predict(session.baseline, asked)


def test_a_sample_that_cannot_be_answered_needs_no_more_than_one(open_session):
    def failed(given):
        failing = replace(given[0].completions[0], finish_reason="error")
        return [replace(given[0], completions=(failing,)), *given[1:]]

    session, asked = open_session(Changed(failed), completions=3)
    with session:
        answers = session.predict(session.baseline, asked)
    assert [one.unusable == "error" for one in answers] == [True, False, False, False] * 2


@pytest.mark.parametrize(
    ("stop", "said"),
    [
        (1, "answered 1 of 2 batches"),
        (3, "gave more than the 2 lists of answers"),
    ],
)
def test_a_reply_is_for_each_batch(open_session, stop, said):
    class Other(FakeEngine):
        def predict(self, batches, settings):
            replies = list(super().predict(batches, settings))
            yield from [*replies, *replies][:stop]

    session, asked = open_session(Other(Script()))
    with session, pytest.raises(EngineError, match=f"A: its engine {said}"):
        session.predict(session.baseline, asked)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda given: given[1:], "relevance gave 3 for 4 samples"),
        (lambda given: [one.values for one in given], "relevance gave a ndarray; .*one Heatmap"),
        (elsewhere, "gave '0' a map with cells in the pictures 1 to 1; it has 1"),
    ],
)
def test_maps_of_something_else_are_refused(open_session, change, said):
    session, asked = open_session(Changed(maps=change))
    with session, pytest.raises(EngineError, match=f"^A: its engine.*{said}"):
        session.relevance(session.baseline, asked)


def test_what_was_asked_for_is_taken(open_session):
    session, asked = open_session(Changed(tuple), completions=2)
    with session:
        assert [p.answer for p in session.predict(session.baseline, asked)] == list("01234567")
        assert len(session.relevance(session.baseline, asked)) == len(asked)
