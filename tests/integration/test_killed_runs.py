"""What was answered before a run was killed is never asked again, and the report is the same."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

SAMPLES, BATCH, KILLS = 480, 4, 20
RUN = '''
import os, signal, sys, threading, time
from pathlib import Path

from pytest_vlm.checkpoint.spec import CheckpointSpec
from pytest_vlm.engine.fake import FakeEngine, load_fake
from pytest_vlm.report.model import ClaimRecord, dump_record
from pytest_vlm.scores import exact_match, pointing_game
from pytest_vlm.session import Session
from pytest_vlm.settings import GenerationSettings, Settings

signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may start it without
home, cache = Path(sys.argv[1]), Path(sys.argv[2])
batches, delay, how = int(sys.argv[4]), float(sys.argv[5]), int(sys.argv[6])
log = os.open(cache.with_suffix(".asked"), os.O_APPEND | os.O_CREAT | os.O_WRONLY)


def note(what):
    """Say so, and have this process ended a moment after its last batch was asked."""
    global batches
    os.write(log, what)
    batches -= 1
    if batches == 0:
        threading.Timer(delay, os.kill, (os.getpid(), how)).start()
    time.sleep(0.005)


class Slow(FakeEngine):
    """Takes a while for every batch, and says that it was asked."""

    def _answer_batch(self, samples, completions=1):
        note(b"answers\\n")
        return super()._answer_batch(samples, completions)

    def relevance(self, samples, predictions, settings, wanted):
        note(b"maps\\n")
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


def run(
    home: Path, cache: Path, *, batches: int = 0, delay: float = 0.0, how: int = signal.SIGKILL
) -> subprocess.CompletedProcess[str]:
    """A run that is ended `delay` seconds after so many batches were asked; 0: it is left alone."""
    command = [sys.executable, str(home / "run.py"), str(home), str(cache), str(BATCH)]
    command += [str(batches), str(delay), str(int(how))]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def finish(home: Path, cache: Path) -> str:
    done = run(home, cache)
    assert done.returncode == 0, done.stderr
    return done.stdout


def asked(cache: Path) -> list[str]:
    log = cache.with_suffix(".asked")
    return log.read_text().split() if log.exists() else []


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
        killed = run(home, cache, batches=some, delay=delay)
        assert killed.returncode == -signal.SIGKILL
    assert KILLS < len(asked(cache)) < batches
    assert finish(home, cache) == claims
    assert batches <= len(asked(cache)) <= batches + KILLS


def test_an_interrupt_loses_the_batch_that_was_being_computed_and_no_other(
    home, undisturbed, tmp_path
):
    cache = tmp_path / "interrupted"
    interrupted = run(home, cache, batches=10, how=signal.SIGINT)
    assert interrupted.returncode != 0
    claims, batches = undisturbed
    assert finish(home, cache) == claims
    assert len(asked(cache)) <= batches + 1
