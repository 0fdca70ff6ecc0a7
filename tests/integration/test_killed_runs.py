"""What was answered before a run was killed is never asked again, and the report is the same."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image

SAMPLES, BATCH, KILLS = 480, 4, 20
RUN = '''
import os, signal, sys, time
from pathlib import Path

from pytest_vlm.checkpoint.spec import CheckpointSpec
from pytest_vlm.engine.fake import FakeEngine, load_fake
from pytest_vlm.report.model import ClaimRecord, dump_record
from pytest_vlm.scores import exact_match, pointing_game
from pytest_vlm.session import Session
from pytest_vlm.settings import GenerationSettings, Settings

signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may start it without
home, cache = Path(sys.argv[1]), Path(sys.argv[2])
log = os.open(cache.with_suffix(".asked"), os.O_APPEND | os.O_CREAT | os.O_WRONLY)


class Slow(FakeEngine):
    """Takes a while for every batch, and says that it was asked."""

    def _answer_batch(self, samples, completions=1):
        os.write(log, b"answers\\n")
        time.sleep(0.005)
        return super()._answer_batch(samples, completions)

    def relevance(self, samples, predictions, settings, wanted):
        os.write(log, b"maps\\n")
        time.sleep(0.005)
        return super().relevance(samples, predictions, settings, wanted)


class Loader:
    def __call__(self, spec):
        return Slow(load_fake(spec).script)

    def fingerprint(self, spec):
        return Path(spec.source).read_text()


settings = Settings(
    checkpoints=(f"A={home / 'A.json'}", f"B={home / 'B.json'}"),
    samples=home / "samples.jsonl",
    engine="slow",
    cache_dir=cache,
    generation=GenerationSettings(batch_size=int(sys.argv[3])),
)
report = cache.with_suffix(".report")
with Session(settings, loaders={"slow": Loader()}, folder=report) as session:
    asked = session.candidates[0], session.samples
    session.compare(*asked, score=exact_match).assert_not_worse(margin=0.1)
    session.compare(*asked, score=pointing_game).report()
print("\\n".join(dump_record(r) for r in session.records if isinstance(r, ClaimRecord)))
'''


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("killed")
    (folder / "run.py").write_text(RUN)
    for name, accuracy in (("A", 0.8), ("B", 0.82)):
        (folder / f"{name}.json").write_text(json.dumps({"accuracy": accuracy}))
    rows = []
    for number in range(SAMPLES):
        Image.new("RGB", (16, 16), (number % 256, number // 256, 7)).save(folder / f"{number}.png")
        row = {"id": f"s{number}", "image": f"{number}.png", "query": "?", "target": "x"}
        rows.append(json.dumps({**row, "region": [0, 0, 4, 4]}))
    (folder / "samples.jsonl").write_text("\n".join(rows))
    return folder


def start(home: Path, cache: Path) -> subprocess.Popen[str]:
    command = [sys.executable, str(home / "run.py"), str(home), str(cache), str(BATCH)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish(home: Path, cache: Path) -> str:
    run = start(home, cache)
    out, err = run.communicate(timeout=120)
    assert run.returncode == 0, err
    return out


def asked(cache: Path) -> list[str]:
    log = cache.with_suffix(".asked")
    return log.read_text().split() if log.exists() else []


def end_after(
    run: subprocess.Popen[str], cache: Path, batches: int, delay: float, how: signal.Signals
) -> None:
    before = len(asked(cache))
    while run.poll() is None and len(asked(cache)) < before + batches:
        time.sleep(0.001)
    time.sleep(delay)
    os.kill(run.pid, how)
    run.communicate(timeout=60)


@pytest.fixture(scope="module")
def undisturbed(home) -> tuple[str, int]:
    """The claims of a run that nobody killed, and how many batches it asked."""
    claims, batches = finish(home, home / "whole"), asked(home / "whole")
    assert batches.count("answers") == 2 * SAMPLES // BATCH
    return claims, len(batches)


def test_killed_at_twenty_points_it_goes_on_where_it_was(home, undisturbed, tmp_path):
    claims, batches = undisturbed
    cache, draw = tmp_path / "torn", random.Random(7)
    for _ in range(KILLS):
        some, delay = draw.randint(1, batches // KILLS), draw.uniform(0, 0.01)
        end_after(start(home, cache), cache, some, delay, signal.SIGKILL)
    assert KILLS < len(asked(cache)) < batches
    assert finish(home, cache) == claims
    assert batches <= len(asked(cache)) <= batches + KILLS


def test_an_interrupt_loses_the_batch_that_was_being_computed_and_no_other(
    home, undisturbed, tmp_path
):
    run = start(home, cache := tmp_path / "interrupted")
    end_after(run, cache, 10, 0.0, signal.SIGINT)
    assert run.returncode != 0
    claims, batches = undisturbed
    assert finish(home, cache) == claims
    assert len(asked(cache)) <= batches + 1
