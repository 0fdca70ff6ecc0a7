"""Memory that really runs out, on the CPU: the ladder ends with the right answers, and says so.

Linux counts private writable memory against ``RLIMIT_DATA``; above it torch's allocator gets none,
which is an ordinary, recoverable error.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_vlm.session import Session
from pytest_vlm.settings import GenerationSettings, Settings

DIGITS = Path(__file__).parents[2] / "app/digits"
SAMPLES = DIGITS / "heldout/samples.jsonl"
CHECKPOINTS = [f"A={DIGITS / 'checkpoints/weak'}", f"B={DIGITS / 'checkpoints/strong'}"]
ASKED = 64

SUITE = """
from pytest_vlm.scores import exact_match

def test_answers(compare, samples):
    compare(samples, score=exact_match).assert_not_worse(margin=0.2)

def test_numbers(compare, samples):
    compare(samples[:40], score=exact_match).report()
"""

CRAMPED = """
import gc, re, resource
from pathlib import Path
import pytest
from pytest_vlm.memory.out_of_memory import is_out_of_memory

MIB = 1 << 20
NO_LIMIT = resource.getrlimit(resource.RLIMIT_DATA)
SPARE = 4 * MIB  # what loading and the report take beside the batches

def allow(size):
    resource.setrlimit(resource.RLIMIT_DATA, (size, NO_LIMIT[1]))

def in_use():
    gc.collect()
    status = Path("/proc/self/status").read_text()
    return int(re.search(r"VmData:\\s+(\\d+) kB", status)[1]) * 1024

def fits(engine, session, rows, size):
    allow(size)
    try:
        next(engine.predict([list(session.samples[:rows])], session.settings.generation))
    except Exception as error:
        assert is_out_of_memory(error), error
        return False
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, NO_LIMIT)
    return True

@pytest.fixture(scope="session", autouse=True)
def cramped(_vlm_session):
    '''The baseline answers as asked. Then there is room for a quarter of the candidate's batch.'''
    session, rows = _vlm_session, _vlm_session.settings.generation.batch_size
    baseline, candidate = session.checkpoints
    session.predict(baseline, session.samples)
    engine = session.engine(candidate)
    next(engine.predict([list(session.samples[:rows])], session.settings.generation))
    before = in_use()
    sizes = (before + int(4 * MIB * 1.4**step) for step in range(16))
    size = SPARE + next(size for size in sizes if fits(engine, session, rows // 4, size))
    assert not fits(engine, session, rows, size)
    del engine
    allow(size)
    yield
    resource.setrlimit(resource.RLIMIT_DATA, NO_LIMIT)
"""


class Run:
    """A pytest of its own, over the digits' two checkpoints, that runs out of memory."""

    def __init__(self, folder: Path) -> None:
        (folder / "test_suite.py").write_text(SUITE)
        (folder / "conftest.py").write_text(CRAMPED)
        (folder / "pytest.ini").write_text("[pytest]")
        checkpoints = [f"--checkpoint={checkpoint}" for checkpoint in CHECKPOINTS]
        self.process = subprocess.run(
            [
                *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *checkpoints),
                *(f"--vlm-samples={SAMPLES}", f"--vlm-limit={ASKED}", "--vlm-no-cache"),
                *(f"--vlm-batch-size={ASKED}", "--vlm-log=log", "--vlm-report=report"),
                "--vlm-max-loaded=1",  # beside the candidate the baseline would run out as well
            ],
            cwd=folder,
            # Large pieces go back to the system at once, and not into a heap that stays.
            env={**os.environ, "MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_ARENA_MAX": "1"},
            capture_output=True,
            text=True,
            timeout=300,
        )
        self.said = self.process.stdout + self.process.stderr
        self.folder = folder

    def records(self, kind: str) -> list[dict]:
        report = json.loads((self.folder / "report/run.json").read_text())
        return [record for record in report["records"] if record["kind"] == kind]

    def logs(self) -> list[tuple[str, dict[str, str]]]:
        """One a side of a claim: whose it is, and what was answered to each sample."""
        found = []
        for path in (self.folder / "log").rglob("*.jsonl"):
            rows = map(json.loads, path.read_text().splitlines())
            found.append((path.stem, {row["id"]: row["completions"][0]["raw"] for row in rows}))
        return found


@pytest.fixture(scope="module")
def cramped(tmp_path_factory) -> Run:
    if sys.platform != "linux":
        pytest.skip("RLIMIT_DATA bounds memory on Linux")
    return Run(tmp_path_factory.mktemp("cramped"))


def reached(cramped: Run) -> int:
    """The batch size at which both fit."""
    degraded = {claim["degraded"] for claim in cramped.records("ClaimRecord")}
    [found] = {re.match(r"answered with batch size (\d+) instead of 64", d) for d in degraded}
    return int(found[1])


def test_the_run_ends_well_and_its_claims_are_marked(cramped):
    assert cramped.process.returncode == 0, cramped.said
    claims = cramped.records("ClaimRecord")
    assert [claim["verdict"] for claim in claims] == ["pass", "reported"]
    for claim in claims:
        assert re.fullmatch(
            r"answered with batch size \d+ instead of 64 after B ran out of memory on cpu",
            claim["degraded"],
        )
    assert "exact match: answered with batch size" in cramped.said
    assert ">degraded</span>" in (cramped.folder / "report/index.html").read_text()


def test_every_step_is_an_event_with_numbers(cramped):
    steps = [
        (event["checkpoint"], event["event"])
        for event in cramped.records("EventRecord")
        if "out of memory" in event["event"]
    ]
    size = r"[\d.]+ ([KMG]i)?B"
    failed = rf"out of memory on cpu for a batch of (?P<rows>\d+) beside {size} in use \(.+\); "
    failed += rf"freed {size}; "
    sizes = [ASKED]
    again = re.compile(rf"{failed}trying once more")
    assert steps[0][0] == "B" and again.fullmatch(steps[0][1])
    for _, step in steps[1:]:
        if again.fullmatch(step):  # the baseline, which is asked anew beside the candidate
            continue
        went = re.fullmatch(
            rf"{failed}going on with batch size (?P<now>\d+) instead of (?P<before>\d+)", step
        )
        assert went, step
        assert int(went["rows"]) == int(went["before"]) == sizes[-1]
        sizes.append(int(went["now"]))
    assert sizes == [ASKED >> step for step in range(len(sizes))]
    assert sizes[-1] == reached(cramped)


def test_both_sides_answer_as_in_a_run_that_asks_smaller_batches(cramped, tmp_path):
    settings = Settings(
        checkpoints=tuple(CHECKPOINTS),
        samples=SAMPLES,
        limit=ASKED,
        no_cache=True,
        generation=GenerationSettings(batch_size=reached(cramped)),
    )
    with Session(settings, folder=tmp_path) as session:
        undisturbed = {
            spec.name: {p.sample_id: p.completions[0].raw for p in predictions}
            for spec in session.checkpoints
            for predictions in [session.predict(spec, session.samples)]
        }
    logs = cramped.logs()
    assert sorted(name for name, _ in logs) == ["A", "A", "B", "B"]
    for name, answers in logs:
        assert answers == {id: undisturbed[name][id] for id in answers}


def test_the_side_that_had_answered_is_asked_again(cramped):
    asked = {"A": 0, "B": 0}
    for speed in cramped.records("SpeedRecord"):
        asked[speed["checkpoint"]] += speed["samples"]
        assert speed["reused"] == 0
    assert asked == {"A": 2 * ASKED, "B": ASKED}  # A once as wanted, and once as B could be
