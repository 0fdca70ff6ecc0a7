"""The microscope as it runs: a process with an endpoint, a page, and an end."""

from __future__ import annotations

import base64
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import chdir
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from browser import CHROMIUM, QUIET

from pytest_vlm.app_client import AppClient, AppServer, run_app
from pytest_vlm.errors import AppError
from pytest_vlm.evaluation.samples import Sample
from pytest_vlm.session import Session
from pytest_vlm.settings import Settings

ROOT = Path(__file__).parents[2]
DIGITS = ROOT / "app" / "digits"
SAMPLES = DIGITS / "heldout" / "samples.jsonl"
CHECKPOINTS = (f"A={DIGITS / 'checkpoints/weak'}", f"B={DIGITS / 'checkpoints/strong'}")
SETTINGS = Settings(
    checkpoints=CHECKPOINTS,
    samples=SAMPLES,
    max_loaded=2,
    app=f"python -m app --samples {SAMPLES}",
)


@pytest.fixture(scope="module")
def session() -> Iterator[Session]:
    with Session(SETTINGS) as session:
        yield session


@pytest.fixture(scope="module")
def app() -> Iterator[AppServer]:
    with chdir(ROOT):
        app = run_app(SETTINGS)
    yield app
    app.close()


@pytest.fixture
def client(app: AppServer) -> AppClient:
    return AppClient(app.url, "A")


def answers_of(session: Session, sample: Sample) -> list[str]:
    generation = session.settings.generation
    return [
        next(session.engine(spec).predict([[sample]], generation))[0].answer
        for spec in session.checkpoints
    ]


def can_connect(url: str) -> bool:
    address = urlsplit(url)
    with socket.socket() as probe:
        return probe.connect_ex((address.hostname, address.port)) == 0


def start(folder: Path, *options: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "TMPDIR": str(folder)}
    environment.pop("GRADIO_TEMP_DIR", None)
    return subprocess.Popen(
        [sys.executable, "-m", "app", *options],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("id", ["0001-top-left", "0001-read"])
def test_answers_as_the_engine_does(session: Session, client: AppClient, id: str):
    rows = client.compare(session.samples[id], ["A", "B"])
    assert [row["checkpoint"] for row in rows] == ["A", "B"]
    assert [row["answer"] for row in rows] == answers_of(session, session.samples[id])


def test_answers_in_the_order_asked(session: Session, client: AppClient):
    rows = client.compare(session.samples["0001-read"], ["B", "A"])
    assert [row["checkpoint"] for row in rows] == ["B", "A"]


def test_tells_what_an_answer_cost_and_where_it_looked(session: Session, client: AppClient):
    (row,) = client.compare(session.samples["0001-read"], ["B"])
    assert row["finish_reason"] == "stop"
    assert row["tokens"] == 5
    assert row["visual_tokens"] == 16
    assert row["seconds"] > 0
    assert row["peak_memory"] is None or row["peak_memory"] >= 0
    assert row["no_relevance"] == ""
    kind, _, content = row["overlay"].partition(",")
    assert kind == "data:image/png;base64"
    assert base64.b64decode(content).startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("query", "checkpoints", "message"),
    [
        ("what is it?", ["C"], "'C' is not loaded; ask A, B."),
        ("what is it?", [], "Choose at least one of A, B."),
        ("what is it?", ["A", "A"], "Name each of A, B at most once."),
        (" ", ["A"], "Type a question about the picture."),
        ("x" * 4_001, ["A"], "keep it under 4,000"),
    ],
)
def test_refuses_with_the_next_step(
    session: Session, client: AppClient, query: str, checkpoints: list[str], message: str
):
    picture = session.samples[0].frames[0].source
    with pytest.raises(AppError) as refused:
        client.compare(Sample.ask(id="1", image=picture, query=query), checkpoints)
    assert message in str(refused.value)


def test_refuses_what_is_no_picture(client: AppClient, tmp_path: Path):
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"\x89PNG and then nothing")
    with pytest.raises(AppError, match="The picture cannot be opened; save it as PNG"):
        client.compare(Sample.ask(id="1", image=broken, query="what is it?"), ["A"])


@pytest.mark.parametrize(
    "upload", [None, "0000.png", {"path": str(DIGITS / "heldout/images/0000.png")}]
)
def test_opens_nothing_that_was_not_uploaded(app: AppServer, upload: object):
    from gradio_client import Client

    calling = Client(app.url, verbose=False)
    with pytest.raises(Exception, match=r"Give a picture|not in the cache folder"):
        calling.predict(upload, "what is it?", ["A"], api_name="/compare")


def test_leaves_nothing_behind_when_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.chdir(ROOT)
    app = run_app(Settings(checkpoints=CHECKPOINTS, app="python -m app"))
    assert can_connect(app.url)
    assert list(tmp_path.iterdir())
    app.close()
    assert not can_connect(app.url)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_at_once_and_cleanly(tmp_path: Path, number: signal.Signals):
    with start(tmp_path) as process:
        assert process.stdout is not None
        url = json.loads(process.stdout.readline())["url"]
        assert list(tmp_path.iterdir())
        # A waiting client must not hold the end back.
        with socket.create_connection((urlsplit(url).hostname, urlsplit(url).port)):
            process.send_signal(number)
            since = time.monotonic()
            output, errors = process.communicate(timeout=30)
        assert time.monotonic() - since < 5
    assert (process.returncode, output, errors) == (0, "", "")
    assert not can_connect(url)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--checkpoint=A=no/such/folder"], "no/such/folder"),
        ([f"--checkpoint=A={DIGITS / 'heldout'}"], "heldout"),
        ([f"--checkpoint={CHECKPOINTS[0]}", f"--checkpoint={CHECKPOINTS[0]}"], "two checkpoints"),
        (["--engine=magic"], "unknown engine 'magic'"),
        (["--samples=no/such.jsonl"], "no/such.jsonl"),
    ],
)
def test_says_in_one_line_what_is_not_usable(tmp_path: Path, options: list[str], message: str):
    with start(tmp_path, *options) as process:
        output, errors = process.communicate(timeout=60)
    assert process.returncode == 2
    assert output == ""
    (line,) = errors.splitlines()
    assert line.startswith("python -m app: ")
    assert message in line
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(CHROMIUM is None, reason="needs chromium on the PATH")
def test_a_person_compares_two_checkpoints(session: Session, app: AppServer):
    playwright = pytest.importorskip("playwright.sync_api")
    sample = session.samples["0001-read"]
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        page = browser.new_page()
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto(app.url)
        page.get_by_text("Ask a question, see who answers what").wait_for()
        assert page.locator(".mic-examples button").count() == 12

        page.set_input_files("#mic-picture input[type=file]", sample.frames[0].source)
        page.get_by_role("button", name="Remove Image").wait_for()
        page.get_by_label("Question").fill(sample.query)
        page.get_by_role("button", name="Compare").click()
        page.locator(".mic-card").nth(1).wait_for()
        shown = page.locator(".mic-answer").all_inner_texts()
        assert shown == answers_of(session, sample)
        assert page.locator(".mic-card img").count() == 2
        marks = page.locator(".mic-badges").all_inner_texts()
        assert ["right" in mark for mark in marks] == [text == sample.targets[0] for text in shown]

        page.locator(".mic-examples button").first.click()
        page.get_by_text("Ask a question, see who answers what").wait_for()
        question = page.get_by_label("Question")
        assert question.input_value() == session.samples[0].query
        question.press("Enter")
        page.locator(".mic-card").nth(1).wait_for()
        assert page.locator(".mic-answer").all_inner_texts() == answers_of(
            session, session.samples[0]
        )
        browser.close()
    assert {url for url in asked if not url.startswith((app.url, "data:", "blob:"))} == set()
