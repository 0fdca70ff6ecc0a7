"""Golden checks of a session: provenance, fresh maps, and who may accept."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pytest_vlm.checkpoint.spec import CheckpointSpec
from pytest_vlm.engine.fake import FakeEngine, Script
from pytest_vlm.errors import GoldenError, SettingsError
from pytest_vlm.golden.check import GoldenCheck
from pytest_vlm.heatmap.heatmap import Heatmap
from pytest_vlm.session import Session
from pytest_vlm.settings import LoadSettings, Settings

NODE = "suites/test_x.py::test_x[B]"


class Noisy(FakeEngine):
    """Maps that depend on the batch, a little."""

    batches: list[int]

    def relevance(self, samples, predictions, settings, wanted=None) -> list[Heatmap]:
        self.batches.append(len(samples))
        noise = np.random.default_rng(len(samples)).random(16) / 1000
        return [
            replace(self._map(sample), values=self._map(sample).values + noise.astype(np.float32))
            for sample in samples
        ]


@pytest.fixture
def batches() -> list[int]:
    """Of how many samples the engine was asked for maps."""
    return []


@pytest.fixture
def open_session(tmp_path, picture, batches, monkeypatch, request) -> Callable[..., Session]:
    monkeypatch.delenv("CI", raising=False)
    rows = []
    for number in range(6):
        (tmp_path / f"{number}.png").write_bytes(picture(seed=number))
        row = {"id": f"s{number}", "image": f"{number}.png", "query": "Which?", "target": "7"}
        rows.append(json.dumps(row))
    (tmp_path / "samples.jsonl").write_text("\n".join(rows))

    def load(spec: CheckpointSpec) -> Noisy:
        engine = Noisy(Script())
        engine.batches = batches
        return engine

    def make(**changes: object) -> Session:
        asked = Settings(
            checkpoints=("A=a.json", "B=b.json"),
            engine="noisy",
            samples=tmp_path / "samples.jsonl",
            goldens=tmp_path / "goldens",
            no_cache=True,
        )
        session = Session(
            replace(asked, **changes), loaders={"noisy": load}, folder=tmp_path / "report"
        )
        request.addfinalizer(session.close)
        return session

    return make


def golden(session: Session, name: str = "first", node: str = NODE) -> GoldenCheck:
    return session.golden(session.candidates[0], test="test_x.test_x", name=name, node=node)


def heatmap(session: Session, place: int = 0) -> Heatmap:
    return session.relevance(session.candidates[0], session.samples[place : place + 1])[0]


def test_the_origin_of_a_golden_is_written_down(open_session):
    session = open_session(accept_goldens=True, load=LoadSettings(dtype="bfloat16"))
    golden(session).check(heatmap(session))
    stored = golden(session).case.accepted.load("test_x.test_x/first")
    assert stored is not None
    origin = stored.provenance
    assert (origin.sample_id, origin.sample_digest) == ("s0", session.samples[0].digest)
    assert (origin.checkpoint, origin.device, origin.dtype) == ("B", "cpu", "bfloat16")
    assert (origin.answer, origin.method) == ("7", "fake")
    assert origin.test == "suites/test_x.py::test_x"
    assert {"pytest-vlm", "numpy"} <= set(origin.versions)
    assert origin.accepted_by


def test_a_map_is_compared_with_the_golden_of_its_device_and_dtype(open_session):
    session = open_session(accept_goldens=True)
    golden(session).check(heatmap(session))
    again = open_session(load=LoadSettings(dtype="float16"))
    golden(again).check(heatmap(again))
    (record,) = [one for one in again.records if hasattr(one, "golden")]
    assert record.variant == "cpu"


def test_two_tests_of_one_id_are_refused(open_session):
    session = open_session(accept_goldens=True)
    golden(session).check(heatmap(session))
    with pytest.raises(GoldenError, match="two tests have the golden"):
        golden(session, node="other/test_x.py::test_x[B]").check(heatmap(session))
    with pytest.raises(GoldenError, match="two different things"):
        golden(session).check(heatmap(session, 1))


def test_a_name_is_refused_before_anything_is_asked(open_session, batches):
    with pytest.raises(GoldenError, match="no name for a golden"):
        golden(open_session(), name="../first")
    assert batches == []


@pytest.mark.parametrize("value", ["1", "true", "github"])
def test_nobody_accepts_where_ci_is_set(open_session, monkeypatch, tmp_path, value):
    session = open_session(accept_goldens=True)
    monkeypatch.setenv("CI", value)
    with pytest.raises(SettingsError, match="refused where CI is set") as raised:
        golden(session)
    report = shlex.quote(str(tmp_path / "report"))
    assert str(raised.value).endswith(f"python -m pytest_vlm accept {report}")
    assert not (tmp_path / "goldens").exists()


def test_ci_set_to_no_is_none(open_session, monkeypatch):
    monkeypatch.setenv("CI", "false")
    assert golden(open_session(accept_goldens=True)).case.accepting


def test_with_ci_set_a_missing_golden_is_left_in_the_runs_folder_alone(
    open_session, monkeypatch, tmp_path
):
    session = open_session()
    monkeypatch.setenv("CI", "1")
    before = set(Path(tmp_path).iterdir())
    with pytest.raises(AssertionError, match="No golden was accepted yet"):
        golden(session).check(heatmap(session))
    assert set(Path(tmp_path).iterdir()) - before == {tmp_path / "report"}


def test_calibrating_makes_every_map_anew_in_other_batches(open_session, batches):
    session = open_session()
    known = heatmap(session)
    batches.clear()
    for _ in range(2):
        with pytest.raises(AssertionError, match="Calibrated over 4 runs, not checked"):
            golden(session).calibrate(session.samples[2], runs=4)
    assert batches == [1, 2, 3, 4, 1, 2, 3, 4]
    record, _ = [one for one in session.records if hasattr(one, "golden")]
    assert 0.99 < record.measures[0].value < 1
    batches.clear()
    assert np.array_equal(heatmap(session).values, known.values)
    assert batches == []


@pytest.mark.parametrize("samples", [None, "samples.jsonl"])
def test_calibrating_needs_no_other_samples(open_session, batches, tmp_path, samples):
    sample = open_session().samples[0]
    session = open_session(samples=None if samples is None else tmp_path / samples)
    with pytest.raises(AssertionError, match="Calibrated over 9 runs"):
        golden(session).calibrate(sample, runs=9)
    assert batches == list(range(1, 10))


def test_the_baseline_is_shown_by_the_goldens_own_method(open_session, tmp_path):
    session = open_session()
    with pytest.raises(AssertionError):
        golden(session).check(heatmap(session))
    assert list((tmp_path / "report").rglob("baseline.png"))
