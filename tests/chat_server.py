"""A server with OpenAI's chat protocol on loopback: scripted, or answering from a real engine."""

from __future__ import annotations

import base64
import json
import socket
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from pytest_vlm.evaluation.samples import Image, Message, Part, Sample, Text
from pytest_vlm.protocols import Engine
from pytest_vlm.settings import GenerationSettings

JSON = "application/json"


@dataclass
class Said:
    """What the server answers; `write` takes over the connection instead."""

    body: Any = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=lambda: {"Content-Type": JSON})
    write: Callable[[BaseHTTPRequestHandler], None] | None = None


@dataclass
class Asked:
    """What the server was asked."""

    path: str
    headers: Mapping[str, str]
    body: Any
    number: int

    @property
    def text(self) -> str:
        """All words of the last message."""
        content = self.body["messages"][-1]["content"]
        if isinstance(content, str):
            return content
        return " ".join(part["text"] for part in content if part["type"] == "text")


@dataclass
class ChatServer:
    """What came in, and where."""

    port: int = 0
    asked: list[Asked] = field(default_factory=list)
    connections: int = 0
    at_once: int = 0
    most_at_once: int = 0

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def questions(self) -> list[Asked]:
        return [one for one in self.asked if one.path == "/v1/chat/completions"]


def completion(content: Any = "7", finish: Any = "stop", tokens: Any = 2, **message: Any) -> Said:
    """A well-formed reply with one choice."""
    choice = {"index": 0, "message": {"content": content, **message}, "finish_reason": finish}
    return Said({"choices": [choice], "usage": {"completion_tokens": tokens}, "model": "m"})


def listing(*models: str) -> Said:
    """The reply to ``/models``."""
    return Said({"object": "list", "data": [{"id": model} for model in models]})


@contextmanager
def serving(
    answer: Callable[[Asked], Said], models: Callable[[Asked], Said] = lambda _: listing("m")
) -> Iterator[ChatServer]:
    """A server that answers chats by `answer` and ``/models`` by `models`."""
    server = ChatServer()
    lock = threading.Lock()
    open_connections: list[socket.socket] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def setup(self) -> None:
            super().setup()
            with lock:
                server.connections += 1
                open_connections.append(self.connection)

        def do_GET(self) -> None:
            self.reply(None, models)

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self.reply(body, answer)

        def reply(self, body: Any, say: Callable[[Asked], Said]) -> None:
            with lock:
                asked = Asked(self.path, dict(self.headers), body, len(server.questions))
                server.asked.append(asked)
                server.at_once += 1
                server.most_at_once = max(server.most_at_once, server.at_once)
            try:
                said = say(asked)
            finally:
                with lock:
                    server.at_once -= 1
            if said.write is not None:
                self.close_connection = True
                said.write(self)
                return
            content = said.body if isinstance(said.body, bytes) else json.dumps(said.body).encode()
            self.send_response(said.status)
            for name, value in {**said.headers, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *args: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        block_on_close = False

        def handle_error(self, *args: object) -> None:
            """A client that gave up is no error of the server."""

    http = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=http.serve_forever, args=(0.01,))
    thread.start()
    server.port = http.server_port
    try:
        yield server
    finally:
        http.shutdown()
        thread.join()
        http.server_close()
        for connection in open_connections:
            quietly(partial(connection.shutdown, socket.SHUT_RDWR))


def free_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def hang_up(handler: BaseHTTPRequestHandler) -> None:
    """Reset the connection."""
    handler.connection.setsockopt(
        socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00"
    )
    handler.connection.close()


def answering(engines: Mapping[str, Engine]) -> Callable[[Asked], Said]:
    """Answers from real engines, by the name of the model."""
    lock = threading.Lock()

    def answer(asked: Asked) -> Said:
        sample = Sample(id="asked", messages=tuple(map(_message, asked.body["messages"])))
        settings = GenerationSettings(
            max_new_tokens=asked.body["max_tokens"], stop=tuple(asked.body.get("stop", ()))
        )
        with lock:
            ((prediction,),) = engines[asked.body["model"]].predict([[sample]], settings)
        (found,) = prediction.completions
        if found.finish_reason == "error":
            return Said({"error": {"message": prediction.events[0]}}, status=400)
        said = completion(found.raw, found.finish_reason, found.tokens)
        return Said({**said.body, "model": asked.body["model"]})

    return answer


def _message(turn: dict[str, Any]) -> Message:
    content: str | Sequence[dict[str, Any]] = turn["content"]
    if isinstance(content, str):
        content = [{"type": "text", "text": content}]
    return Message(role=turn["role"], parts=tuple(map(_part, content)))


def _part(part: dict[str, Any]) -> Part:
    if part["type"] == "text":
        return Text(text=part["text"])
    return Image(source=picture_bytes(part["image_url"]["url"]))


def picture_bytes(url: str) -> bytes:
    """Of a data URL."""
    return base64.b64decode(url.partition(";base64,")[2])


def quietly(write: Callable[[], object]) -> None:
    """Write to a client that may be gone."""
    with suppress(OSError):
        write()
