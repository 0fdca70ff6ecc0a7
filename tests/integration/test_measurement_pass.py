"""Time and memory claimed in a suite: measured anew, reported as ratios, never kept."""

from __future__ import annotations

import random
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import pytest

from pytest_vlm.engine.fake import FakeEngine, Script
from pytest_vlm.errors import ClaimNotShown
from pytest_vlm.evaluation.predictions import Measurement
from pytest_vlm.report.model import ClaimRecord, SpeedRecord
from pytest_vlm.scores import latency, peak_memory, time_to_first_token, tokens_per_second
from pytest_vlm.session import Session
from pytest_vlm.settings import Settings

DIGITS = Path(__file__).parents[2] / "app/digits"
SUITE = """
from pytest_vlm.scores import latency

def test_speed(compare, samples):
    compare(samples, score=latency).assert_not_worse(margin=0.5)
"""


def test_a_claim_about_latency_in_a_suite(project, suite):
    suite(SUITE)
    project.samples(64)
    result = project.gate(project.checkpoint("A"), project.checkpoint("B", seed=1))
    assert result.ret == 0
    [record] = [r for r in project.report()["records"] if r["kind"] == "ClaimRecord"]
    assert record["result"]["kind"] == "positive"
    assert record["result"]["n_clusters"] == 12
    assert "times as much" in record["sentence"]
    page = (project.path / "vlm-report/index.html").read_text()
    assert "×1" in page
    assert "geometric mean (lower is better)" in page


@pytest.mark.parametrize("score", [latency, time_to_first_token, tokens_per_second, peak_memory])
def test_real_models_are_measured_and_nothing_of_it_is_kept(score, tmp_path):
    settings = Settings(
        checkpoints=tuple(f"{n}={DIGITS / 'checkpoints' / n}" for n in ("weak", "strong")),
        samples=DIGITS / "heldout/samples.jsonl",
        limit=32,
        max_loaded=2,
        cache_dir=tmp_path / "cache",
    )
    with Session(settings, folder=tmp_path / "run") as session:
        comparison = session.compare(session.candidates[0], session.samples, score=score)
        result = comparison.report()
        assert not any(isinstance(record, SpeedRecord) for record in session.records)
        [claim] = [r for r in session.records if isinstance(r, ClaimRecord)]
    assert result.kind == "positive"
    assert 0.1 < result.estimate < 10
    assert result.baseline_mean > 0
    assert claim.evidence == ""
    assert not (tmp_path / "cache").exists()


class Scripted(FakeEngine):
    """Takes a scripted time for each batch, the same but for a little noise."""

    def __init__(self, seconds: float) -> None:
        super().__init__(Script())
        self.seconds, self.noise = seconds, random.Random(0)

    def _answer_batch(self, samples, completions=1):
        seconds = self.seconds * self.noise.uniform(0.99, 1.01)
        measured = Measurement(
            seconds=seconds, samples=len(samples), tokens=10, first_token=seconds / 2
        )
        return [replace(p, measurement=measured) for p in super()._answer_batch(samples)]


@pytest.mark.parametrize("score", [latency, time_to_first_token, tokens_per_second])
@pytest.mark.parametrize(("seconds", "holds"), [(1.0, True), (1.2, False)])
def test_a_slower_candidate_is_seen(score, seconds, holds, tmp_path):
    settings = Settings(
        checkpoints=("A=a", "B=b"),
        samples=DIGITS / "heldout/samples.jsonl",
        limit=64,
        engine="scripted",
        no_cache=True,
    )
    times = {"A": 1.0, "B": seconds}
    loaders = {"scripted": lambda spec: Scripted(times[spec.name])}
    with Session(settings, loaders=loaders, folder=tmp_path) as session:
        claim = session.compare(session.candidates[0], session.samples, score=score)
        with nullcontext() if holds else pytest.raises(ClaimNotShown) as raised:
            claim.assert_not_worse(margin=0.05)
    assert holds or raised.value.verdict == "fail"


def test_the_first_token_comes_before_the_last(tmp_path):
    settings = Settings(
        checkpoints=(f"strong={DIGITS / 'checkpoints/strong'}",),
        samples=DIGITS / "heldout/samples.jsonl",
        limit=8,
        no_cache=True,
    )
    with Session(settings, folder=tmp_path) as session:
        measured = session.predict(session.checkpoints[0], session.samples)[0].measurement
    assert measured is not None
    assert measured.first_token is not None
    assert 0 < measured.first_token <= measured.seconds
