"""Maps of a server's answers, made here with the weights that it serves."""

from __future__ import annotations

from pathlib import Path

import pytest
from chat_server import answering, listing, serving

from pytest_vlm.errors import CheckpointError, RelevanceUnavailable
from pytest_vlm.scores import pointing_game
from pytest_vlm.session import Session
from pytest_vlm.settings import Settings

DIGITS = Path(__file__).parents[2] / "app/digits"
STRONG = DIGITS / "checkpoints/strong"


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    settings = Settings(
        checkpoints=(f"strong={STRONG}",), samples=DIGITS / "heldout/samples.jsonl", limit=24
    )
    with Session(settings, folder=tmp_path_factory.mktemp("run")) as session:
        yield session


@pytest.fixture(scope="module")
def server(session):
    engines = {"strong": session.engine(session.baseline)}
    with serving(answering(engines), lambda _: listing("strong")) as running:
        yield running


def asking(server, tmp_path, query=""):
    settings = Settings(
        checkpoints=(f"served={server.address}#strong{query}",),
        samples=DIGITS / "heldout/samples.jsonl",
        limit=24,
    )
    return Session(settings, folder=tmp_path)


def test_the_maps_are_those_of_the_checkpoint_itself(session, server, tmp_path):
    chosen = session.samples.with_regions()
    expected = session.relevance(session.baseline, chosen)
    with asking(server, tmp_path, f"?weights={STRONG}") as served:
        found = served.relevance(served.baseline, chosen)
        judged = served.evaluate(served.baseline, chosen, pointing_game).values
    for one, other in zip(found, expected, strict=True):
        assert one.values == pytest.approx(other.values, abs=1e-5)
        assert (one.span, one.layers) == (other.span, other.layers)
    local = session.evaluate(session.baseline, chosen, pointing_game).values
    assert [value.value for value in judged] == [value.value for value in local]


def test_without_weights_there_are_none_and_the_message_says_how(server, tmp_path):
    with (
        asking(server, tmp_path) as served,
        pytest.raises(RelevanceUnavailable, match=r"served gives no .*#model\?weights=path/to"),
    ):
        served.relevance(served.baseline, served.samples[:1])


def test_the_cost_is_known_without_the_server_counting_tokens(server, tmp_path):
    with asking(server, tmp_path, f"?weights={STRONG}") as served:
        (heatmap,) = served.relevance(
            served.baseline, served.samples.with_regions()[:1], method="occlusion"
        )
    assert heatmap.method == "occlusion"


def test_weights_that_are_not_there_are_missed_before_the_server_is_asked(server, tmp_path):
    with (
        asking(server, tmp_path, f"?weights={tmp_path / 'gone'}") as served,
        pytest.raises(CheckpointError, match="gone"),
    ):
        served.preflight()
