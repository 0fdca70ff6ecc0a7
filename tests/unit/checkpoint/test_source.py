"""Hub ids that cannot be had: the answer of a real server becomes the next step."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from pytest_vlm.checkpoint.source import hub_refusal
from pytest_vlm.checkpoint.spec import CheckpointSpec

TOKEN = "hf_" + "aB3" * 11
ERROR_CODES = {403: ("GatedRepo",), 404: ("RepoNotFound",)}
ASK = """
from pytest_vlm.checkpoint.source import local_folder
from pytest_vlm.checkpoint.spec import CheckpointSpec
try:
    local_folder(CheckpointSpec(name="A", source="org/gated-model", revision="v1"))
except Exception as error:
    print(type(error).__name__, error)
"""


class Hub(BaseHTTPRequestHandler):
    """Answers everything with the status that its server was given."""

    def do_GET(self) -> None:
        self.send_response(self.server.status)
        for code in ERROR_CODES.get(self.server.status, ()):
            self.send_header("X-Error-Code", code)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_HEAD = do_GET  # noqa: N815

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def hub() -> Iterator[ThreadingHTTPServer]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Hub) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (401, "hub answers 401. It does not exist, is private, or has a licence to accept at"),
        (403, "hub answers 403. It does not exist, is private, or has a licence to accept at"),
        (404, "no such checkpoint: the hub has no org/gated-model or no revision 'v1'"),
    ],
)
def test_a_refusal_of_the_hub_names_the_page_and_no_token(hub, tmp_path, status, message):
    pytest.importorskip("huggingface_hub")
    hub.status = status
    process = subprocess.run(
        [sys.executable, "-c", ASK],
        env=os.environ
        | {
            "HF_ENDPOINT": f"http://127.0.0.1:{hub.server_port}",
            "HF_HOME": str(tmp_path),
            "HF_TOKEN": TOKEN,
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "HF_HUB_OFFLINE": "0",
            "NO_PROXY": "127.0.0.1",
        },
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
    )
    assert process.stdout.startswith("CheckpointError")
    assert message in process.stdout
    assert "https://huggingface.co/org/gated-model" in process.stdout
    assert TOKEN not in process.stdout + process.stderr


def test_a_server_that_fails_is_to_be_tried_again():
    message = hub_refusal(CheckpointSpec(name="A", source="org/model"), 503)
    assert "hub answers 503; try again" in message
