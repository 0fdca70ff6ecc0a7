"""A server that fails in every way that a network knows; each has a name, and each ends."""

from __future__ import annotations

import gzip
import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from chat_server import Asked, ChatServer, Said, completion, hang_up, quietly, serving

from pytest_vlm.checkpoint.spec import CheckpointSpec
from pytest_vlm.engine.server.client import LONGEST_REPLY, Patience
from pytest_vlm.engine.server.engine import IN_A_ROW, ServerEngine
from pytest_vlm.errors import EngineError
from pytest_vlm.evaluation.samples import Message, Sample, Text
from pytest_vlm.settings import GenerationSettings

SETTINGS = GenerationSettings(max_new_tokens=1)
QUICK = Patience(attempts=3, pause=0.001, longest_pause=0.01, request=20)
SHORT = Patience(attempts=3, pause=0.001, longest_pause=0.01, request=0.1, token=0.1)
ROOT = Path(__file__).parents[4]


@pytest.fixture(autouse=True)
def _no_key(monkeypatch):
    monkeypatch.delenv("VLM_API_KEY", raising=False)


def engine_of(server: ChatServer, patience: Patience = QUICK) -> ServerEngine:
    return ServerEngine(CheckpointSpec(name="B", source=f"{server.address}#m"), patience)


def many(count: int) -> list[Sample]:
    return [
        Sample(id=str(n), messages=(Message(role="user", parts=(Text(text=str(n)),)),))
        for n in range(count)
    ]


def asked_once(server: ChatServer, patience: Patience = QUICK, count: int = 1):
    """What becomes of one batch."""
    engine = engine_of(server, patience)
    try:
        (answers,) = engine.predict([many(count)], SETTINGS)
    finally:
        engine.close()
    return answers


def first_fails(failure: Said):
    return lambda asked: failure if asked.number == 0 else completion("7")


@pytest.mark.parametrize("status", [408, 425, 429, 502, 503, 504])
def test_what_passes_is_asked_again(status):
    with serving(first_fails(Said(b"busy", status=status))) as server:
        (prediction,) = asked_once(server)
    assert prediction.answer == "7"
    assert len(server.questions) == 2


@pytest.mark.parametrize("status", [408, 425, 429, 502, 503, 504])
def test_what_does_not_pass_is_an_error_that_says_so(status):
    with serving(lambda _: Said({"message": "busy"}, status=status)) as server:
        (prediction,) = asked_once(server)
    assert prediction.unusable == "error"
    assert prediction.events == (f"no answer in 3 attempts ({status}: busy)",)
    assert len(server.questions) == 3


def test_a_lost_connection_is_tried_again():
    with serving(first_fails(Said(write=hang_up))) as server:
        (prediction,) = asked_once(server)
    assert prediction.answer == "7"
    assert len(server.questions) == 2


def pauses(monkeypatch) -> list[float]:
    """The pauses that are made, without making them."""
    import anyio

    made, sleep = [], anyio.sleep

    async def short(seconds: float) -> None:
        made.append(seconds)
        await sleep(0)

    monkeypatch.setattr(anyio, "sleep", short)
    return made


def wait(header: str) -> Said:
    return Said(b"busy", status=429, headers={"Retry-After": header})


def test_a_server_says_how_long_to_wait(monkeypatch):
    made = pauses(monkeypatch)
    with serving(first_fails(wait("7"))) as server:
        assert asked_once(server, Patience())[0].answer == "7"
    assert made == [7]


def test_a_server_says_until_when_to_wait(monkeypatch):
    made = pauses(monkeypatch)
    when = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    with serving(first_fails(wait(when))) as server:
        assert asked_once(server, Patience())[0].answer == "7"
    assert 20 < made[0] <= 30


@pytest.mark.parametrize("header", ["soon", "-5", "", "Fri, 99 Foo 2020 00:00:00 GMT", "\xb2"])
def test_a_wait_that_makes_no_sense_is_the_usual_one(monkeypatch, header):
    made = pauses(monkeypatch)
    with serving(first_fails(wait(header))) as server:
        asked_once(server, Patience())
    assert 1 <= made[0] <= 1.5


def test_a_wait_until_the_past_is_the_usual_one(monkeypatch):
    made = pauses(monkeypatch)
    with serving(first_fails(wait("Fri, 01 Jan 1999 00:00:00 GMT"))) as server:
        asked_once(server, Patience())
    assert 1 <= made[0] <= 1.5


@pytest.mark.parametrize("header", ["3600", "9" * 400, "Sun, 01 Jan 2999 00:00:00 GMT"])
def test_a_server_that_asks_for_too_much_is_given_up(monkeypatch, header):
    made = pauses(monkeypatch)
    with serving(lambda _: wait(header)) as server:
        (prediction,) = asked_once(server, Patience())
    assert made == []
    assert "no answer in 1 attempt (429: busy; it asks to wait" in prediction.events[0]


def test_pauses_grow_up_to_a_limit_and_differ(monkeypatch):
    made = pauses(monkeypatch)
    patience = Patience(attempts=8, pause=1, longest_pause=10)
    with serving(lambda _: Said(status=503)) as server:
        asked_once(server, patience)
    assert len(made) == 7
    for number, pause in enumerate(made[:3]):
        assert 2**number <= pause <= 1.5 * 2**number
    assert made[-1] == 10
    assert len({pause / 2**number for number, pause in enumerate(made[:3])}) == 3


HTML = {"Content-Type": "text/html; charset=utf-8"}
NOT_AN_ANSWER = {
    "broken JSON": (Said(b'{"choices": [{"mess'), "its JSON is broken"),
    "no UTF-8": (Said(b'{"a": "\xff"}'), "its JSON is broken"),
    "an endless number": (Said(b'{"choices": ' + b"9" * 5000 + b"}"), "its JSON is broken"),
    "deep JSON": (Said(b"[" * 200_000), "nested too deeply"),
    "nothing": (Said(b""), "its JSON is broken"),
    "a list": (Said([]), "holds no choices"),
    "null": (Said(None), "holds no choices"),
    "no choices": (Said({"usage": {}}), "holds no choices"),
    "empty choices": (Said({"choices": []}), "holds no choices"),
    "choices by name": (Said({"choices": {"0": {}}}), "holds no choices"),
    "a choice that is none": (Said({"choices": ["7"]}), "holds no message"),
    "no message": (Said({"choices": [{"text": "7"}]}), "holds no message"),
    "content in parts": (completion(["7"]), "content is a list"),
    "a page of a proxy": (Said(b"<html><h1>Log in</h1>", headers=HTML), "answers text/html"),
    "a stream": (
        Said(b"data: {}\n", headers={"Content-Type": "text/event-stream"}),
        "event-stream",
    ),
    "no type": (Said(completion().body, headers={}), "answers nothing and not JSON"),
    "an error with 200": (Said({"error": {"message": "no\tGPU"}}), "answers 200 with an error"),
    "compressed": (
        Said(
            gzip.compress(json.dumps(completion().body).encode()),
            headers={"Content-Type": "application/json", "Content-Encoding": "gzip"},
        ),
        "compressed (gzip)",
    ),
    "500": (Said({"error": "CUDA out of memory"}, status=500), "500: CUDA out of memory"),
}


@pytest.mark.parametrize("name", NOT_AN_ANSWER)
def test_what_is_no_answer_is_an_error_with_a_name(name):
    said, words = NOT_AN_ANSWER[name]

    with serving(lambda asked: said if asked.text == "0" else completion("7")) as server:
        bad, good = asked_once(server, count=2)
    assert words in bad.events[0]
    assert bad.events[0].isprintable()
    assert len(bad.events[0]) < 800
    assert (bad.unusable, good.answer) == ("error", "7")
    assert len(server.questions) == 2  # none of these is asked again


@pytest.mark.parametrize("reason", ["content_filter", "tool_calls", "abort", None, 7, ["stop"]])
def test_an_answer_that_ended_otherwise_is_an_error(reason):
    with serving(lambda _: completion(finish=reason)) as server:
        (prediction,) = asked_once(server)
    said = "without a reason" if reason is None else f"by {reason}"
    assert prediction.events == (f"the server ended the answer {said}",)


@pytest.mark.parametrize("name", NOT_AN_ANSWER)
def test_several_in_a_row_end_the_run(name):
    said, _ = NOT_AN_ANSWER[name]
    with serving(lambda _: said) as server:
        assert len(asked_once(server, count=IN_A_ROW - 1)) == IN_A_ROW - 1
        with pytest.raises(EngineError, match=rf"no answer to {IN_A_ROW} questions in a row: .*"):
            asked_once(server, count=IN_A_ROW)


def test_they_are_counted_over_batches():
    with serving(lambda _: Said(status=500)) as server:
        engine = engine_of(server)
        stream = engine.predict([many(1)] * 9, SETTINGS)
        for _ in range(IN_A_ROW - 1):
            next(stream)
        with pytest.raises(EngineError, match=f"{IN_A_ROW} questions in a row"):
            next(stream)
        engine.close()


def test_an_answer_ends_the_row_and_so_does_a_refused_sample():
    said = {"1": completion("7"), "2": Said(status=400)}
    with serving(lambda asked: said.get(asked.text, Said(status=500))) as server:
        engine = engine_of(server)
        batches = [many(2), many(6), many(3), many(4)]
        assert len(list(engine.predict(batches, SETTINGS))) == 4
        engine.close()


def test_a_sample_that_was_not_asked_ends_no_row():
    unreadable = Sample.ask(id="broken", image=b"no picture", query="?")
    with serving(lambda _: Said(status=500)) as server:
        engine = engine_of(server)
        with pytest.raises(EngineError, match=f"{IN_A_ROW} questions in a row"):
            next(engine.predict([[*many(3), unreadable, *many(2)]], SETTINGS))
        engine.close()


def test_a_server_that_dies_in_the_middle_ends_the_run():
    gone = threading.Event()

    def answer(asked: Asked) -> Said:
        return Said(write=hang_up) if gone.is_set() else completion(asked.text)

    with serving(answer) as server:
        engine = engine_of(server)
        stream = engine.predict([many(8), many(8)], SETTINGS)
        assert [p.answer for p in next(stream)] == [str(n) for n in range(8)]
        gone.set()
        with pytest.raises(EngineError, match=r"5 questions in a row: no answer in 3 attempts \("):
            next(stream)
        engine.close()


def test_a_server_that_is_gone_altogether():
    with serving(lambda asked: completion(asked.text)) as server:
        engine = engine_of(server)
        next(engine.predict([many(1)], SETTINGS))
    with pytest.raises(EngineError, match=r"ConnectError|ReadError|RemoteProtocolError"):
        list(engine.predict([many(8)], SETTINGS))
    engine.close()


def headers_of(handler: BaseHTTPRequestHandler, length: int | None) -> None:
    size = b"" if length is None else b"Content-Length: %d\r\n" % length
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n" + size + b"\r\n")


def half(handler: BaseHTTPRequestHandler) -> None:
    headers_of(handler, 1000)
    handler.wfile.write(b'{"choices": [')


def endless(handler: BaseHTTPRequestHandler) -> None:
    headers_of(handler, None)
    quietly(lambda: [handler.wfile.write(b" " * 2**20) for _ in range(10 * LONGEST_REPLY >> 20)])


def trickle(handler: BaseHTTPRequestHandler) -> None:
    def write() -> None:
        headers_of(handler, None)
        for _ in range(1000):
            handler.wfile.write(b" ")
            time.sleep(0.02)

    quietly(write)


def nothing(handler: BaseHTTPRequestHandler) -> None:
    handler.connection.settimeout(30)
    quietly(lambda: handler.connection.recv(1))  # until the client has given up


def nonsense(handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.write(b"\x00SSH-2.0-OpenSSH\r\n\r\n")


def long_headers(handler: BaseHTTPRequestHandler) -> None:
    quietly(lambda: handler.wfile.write(b"HTTP/1.1 200 OK\r\nX: " + b"a" * 2**20 + b"\r\n\r\n"))


@pytest.mark.parametrize(
    ("write", "words", "patience"),
    [
        (half, "no answer in 3 attempts (RemoteProtocolError", QUICK),
        (endless, "its answer is longer than 16 MiB", QUICK),
        (trickle, "(no whole answer within 0 s", SHORT),
        (nothing, "(no whole answer within 0 s", SHORT),
        (nonsense, "no answer in 3 attempts (RemoteProtocolError", QUICK),
        (long_headers, "no answer in 3 attempts (RemoteProtocolError", QUICK),
    ],
)
def test_what_never_becomes_an_answer(write, words, patience):
    with serving(lambda _: Said(write=write)) as server:
        (prediction,) = asked_once(server, patience)
    assert words in prediction.events[0]


def test_a_server_that_never_answers_is_not_asked_for_ever():
    patience = replace(SHORT, attempts=100)
    with serving(lambda _: Said(write=nothing)) as server:
        asked_once(server, patience)
    assert 1 <= len(server.questions) <= 2


def test_an_endless_answer_is_not_kept():
    import tracemalloc

    with serving(lambda _: Said(write=endless)) as server:
        tracemalloc.start()
        asked_once(server)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < 3 * LONGEST_REPLY


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(status, monkeypatch):
    monkeypatch.setenv("VLM_API_KEY", "sesame")
    with serving(lambda _: completion()) as elsewhere:
        away = Said(status=status, headers={"Location": f"{elsewhere.address}/chat/completions"})
        with (
            serving(lambda _: away) as server,
            pytest.raises(EngineError, match=rf"{status}: {elsewhere.address}.* not followed"),
        ):
            asked_once(server)
    assert elsewhere.asked == []


def test_a_refusal_at_one_question_ends_the_others():
    held = threading.Event()

    def answer(asked: Asked) -> Said:
        if asked.text == "3":
            return Said(status=401)
        held.wait(30)
        return completion()

    with serving(answer) as server:
        with pytest.raises(EngineError, match="401"):
            asked_once(server, count=8)
        held.set()


def test_a_stream_that_is_left_asks_no_more():
    with serving(lambda asked: completion(asked.text)) as server:
        engine = engine_of(server)

        def batches() -> Iterator[list[Sample]]:
            yield from ([one] for one in many(50))

        stream = engine.predict(batches(), SETTINGS)
        next(stream)
        stream.close()
        engine.close()
        assert len(server.questions) == 1


def test_what_the_batches_raise_comes_out_and_the_requests_end():
    given_up = threading.Semaphore(0)

    def until_given_up(handler: BaseHTTPRequestHandler) -> None:
        nothing(handler)
        given_up.release()

    def batches() -> Iterator[list[Sample]]:
        yield many(2)
        while len(server.questions) < 2:
            time.sleep(0.001)
        raise RuntimeError("the dataset ends badly")

    with serving(lambda _: Said(write=until_given_up)) as server:
        engine = engine_of(server)
        with pytest.raises(RuntimeError, match="ends badly"):
            next(engine.predict(batches(), SETTINGS))
        assert given_up.acquire(timeout=10)
        assert given_up.acquire(timeout=10)
        engine.close()


INTERRUPTED = """
import signal, sys, threading
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may start it without
sys.path[:0] = [{root!r}]
from pytest_vlm.checkpoint.spec import CheckpointSpec
from pytest_vlm.engine.server.engine import load_server
from pytest_vlm.evaluation.samples import Message, Sample, Text
from pytest_vlm.settings import GenerationSettings

engine = load_server(CheckpointSpec(name="B", source={source!r}))
asked = [
    Sample(id=str(n), messages=(Message(role="user", parts=(Text(text=str(n)),)),))
    for n in range(8)
]
try:
    next(engine.predict([asked], GenerationSettings()))
except KeyboardInterrupt:
    engine.close()
    print("interrupted", [thread.name for thread in threading.enumerate()], flush=True)
"""


def test_an_interrupt_ends_at_once_and_leaves_no_thread():
    held, all_there = threading.Event(), threading.Barrier(9)

    def answer(asked: Asked) -> Said:
        all_there.wait(30)
        held.wait(60)
        return completion()

    with serving(answer) as server:
        source = INTERRUPTED.format(root=str(ROOT), source=f"{server.address}#m")
        process = subprocess.Popen(
            [sys.executable, "-c", source], stdout=subprocess.PIPE, text=True, cwd=ROOT
        )
        try:
            all_there.wait(60)
            process.send_signal(signal.SIGINT)
            said, _ = process.communicate(timeout=30)  # the server still holds every answer
        finally:
            process.kill()
            held.set()
    assert said == "interrupted ['MainThread']\n"
    assert process.returncode == 0


FORGOTTEN = """
import sys
sys.path[:0] = [{root!r}]
from pytest_vlm.checkpoint.spec import CheckpointSpec
from pytest_vlm.engine.server.engine import load_server

engine = load_server(CheckpointSpec(name="B", source={source!r}))
"""


def test_a_program_that_forgets_to_close_it_ends_all_the_same():
    with serving(lambda _: completion()) as server:
        source = FORGOTTEN.format(root=str(ROOT), source=f"{server.address}#m")
        process = subprocess.run([sys.executable, "-c", source], cwd=ROOT, timeout=60)
    assert process.returncode == 0
